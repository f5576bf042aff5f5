import type { SpanId } from '../../core/ids.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'

/**
 * One row per span, in the order of start and id. A span told twice is normal: of equal tellings any is kept, of
 * different ones that which says more. Another name or scope under the same id is a fault of the sender; the earlier
 * one is kept and the conflict told.
 */
export function uniqueSpans(usages: readonly Usage[], anomalies: Anomaly[]): readonly Usage[] {
  const once = new Map<SpanId, Usage>()
  const again = new Map<SpanId, Usage[]>()
  for (const usage of usages) {
    const known = once.get(usage.spanId)
    if (known === undefined) once.set(usage.spanId, usage)
    else {
      const told = again.get(usage.spanId)
      if (told === undefined) again.set(usage.spanId, [known, usage])
      else told.push(usage)
    }
  }
  for (const [spanId, told] of again) {
    const first = told.reduce((a, b) => (byIdentity(a, b) <= 0 ? a : b))
    const same = told.filter((usage) => isSameSpan(usage, first))
    if (same.length < told.length) anomalies.push({ kind: 'conflict', spanId, reason: 'span_id_reused' })
    const fullest = same.reduce((a, b) => (byFullness(a, b) <= 0 ? a : b))
    once.set(spanId, fullest)
  }
  return [...once.values()].sort(byStart)
}

/** By start, then by id. */
export function byStart(a: Usage, b: Usage): number {
  if (a.startNano !== b.startNano) return a.startNano < b.startNano ? -1 : 1
  return compareText(a.spanId, b.spanId)
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isSameSpan(a: Usage, b: Usage): boolean {
  return a.name === b.name && a.scopeName === b.scopeName
}

/** Two orders, each total, so that what is kept does not depend on what arrived first. */
function byIdentity(a: Usage, b: Usage): number {
  if (a.startNano !== b.startNano) return a.startNano < b.startNano ? -1 : 1
  return compareText(a.name, b.name) || compareText(a.scopeName, b.scopeName)
}

function byFullness(a: Usage, b: Usage): number {
  if (a === b) return 0
  if (a.metered !== b.metered) return a.metered ? -1 : 1
  if (a.endNano !== b.endNano) return a.endNano > b.endNano ? -1 : 1
  return filled(b) - filled(a) || compareText(canonical(a), canonical(b))
}

function filled(usage: Usage): number {
  return Object.values(usage).filter((value) => value !== null && value !== '').length
}

function canonical(usage: Usage): string {
  const entries = Object.entries(usage).sort(([a], [b]) => compareText(a, b))
  return JSON.stringify(entries, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
}
