import type { SpanId } from '../../core/ids.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'

/**
 * One row per span, in the order of start and id. A span told twice is normal: of equal tellings any is kept, of
 * different ones that which says more. Another name or scope under the same id is a fault of the sender; the earlier
 * one is kept and the conflict told.
 */
export function uniqueSpans(usages: readonly Usage[], anomalies: Anomaly[]): readonly Usage[] {
  const bySpan = new Map<SpanId, Usage>()
  const conflicts = new Set<SpanId>()
  for (const usage of usages) {
    const known = bySpan.get(usage.spanId)
    if (known === undefined) {
      bySpan.set(usage.spanId, usage)
      continue
    }
    if (!isSameSpan(known, usage)) conflicts.add(usage.spanId)
    bySpan.set(usage.spanId, preferred(known, usage))
  }
  for (const spanId of conflicts) anomalies.push({ kind: 'conflict', spanId, reason: 'span_id_reused' })
  return [...bySpan.values()].sort(byStart)
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

/** A total order, so that which of two comes first does not depend on which arrived first. */
function preferred(a: Usage, b: Usage): Usage {
  return order(a, b) <= 0 ? a : b
}

function order(a: Usage, b: Usage): number {
  if (a === b) return 0
  if (!isSameSpan(a, b)) {
    if (a.startNano !== b.startNano) return a.startNano < b.startNano ? -1 : 1
    return compareText(a.name, b.name) || compareText(a.scopeName, b.scopeName)
  }
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
