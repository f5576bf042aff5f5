import type { Usage } from '../../core/usage.ts'
import type { CompiledDialect } from '../dialects/compile.ts'
import { compiledOf } from '../dialects/recognise.ts'

/**
 * Spans of one emitter tell its version only in part. Where a span leaves open whether cached tokens are part of its
 * input, the version told by another span of the same family, scope and service in the trace decides; two versions
 * at once decide nothing.
 */
export function settleVersions(spans: readonly Usage[]): readonly Usage[] {
  const versions = new Map<string, CompiledDialect | null>()
  for (const usage of spans) {
    const compiled = compiledOf(usage.dialect)
    if (compiled?.dialect.family === undefined || compiled.dialect.cachedInput === undefined) continue
    const key = emitterOf(usage, compiled.dialect.family)
    const known = versions.get(key)
    versions.set(key, known === undefined || known === compiled ? compiled : null)
  }
  return spans.map((usage) => (isOpen(usage) ? settled(usage, versions) : usage))
}

/** Whether a span leaves open whether cached tokens are part of its input. */
export function isOpen(usage: Usage): boolean {
  if (!usage.metered || usage.inputConvention !== 'assumed' || cachedOf(usage) === 0) return false
  return compiledOf(usage.dialect)?.dialect.family !== undefined
}

function settled(usage: Usage, versions: ReadonlyMap<string, CompiledDialect | null>): Usage {
  const family = compiledOf(usage.dialect)!.dialect.family!
  const version = versions.get(emitterOf(usage, family))
  const says = version?.cachedInput(usage.provider, usage.responseModel ?? usage.requestModel) ?? null
  if (says === null) return usage
  // What was assumed took the cached tokens out of the input once too often.
  const inputUncached = usage.buckets.inputUncached + (says === 'excluded' ? cachedOf(usage) : 0)
  return { ...usage, buckets: { ...usage.buckets, inputUncached }, inputConvention: 'table' }
}

function emitterOf(usage: Usage, family: string): string {
  return JSON.stringify([family, usage.scopeName, usage.serviceName, usage.serviceInstance])
}

function cachedOf({ buckets }: Usage): number {
  return buckets.cacheRead + buckets.cacheWrite + buckets.cacheWrite1h
}
