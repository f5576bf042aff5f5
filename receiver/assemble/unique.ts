import { type Anomaly, NO_TOKENS, type TokenBuckets, type Usage } from '../../core/usage.ts'
import { SplitMap } from './split-map.ts'

const BUCKETS = Object.keys(NO_TOKENS) as readonly (keyof TokenBuckets)[]

/** One row per span, in the order of start and id; see `toldOnce`. */
export function uniqueSpans(usages: readonly Usage[], anomalies: Anomaly[]): readonly Usage[] {
  const kept = toldOnce(usages, anomalies)
  const starts = BigUint64Array.from(kept, ({ startNano }) => startNano)
  return inOrder(kept, starts).map((place) => kept[place]!)
}

/**
 * One row per span. A span told twice is normal: of equal tellings any is kept, of different ones that which says more.
 * Another name or scope under the same id is a fault of the sender; the earlier one is kept and the conflict told. So is a
 * call that used this much and that much until the same instant: one of both is kept, and a person should say which was
 * true.
 */
export function toldOnce(usages: readonly Usage[], anomalies: Anomaly[]): readonly Usage[] {
  const places = new SplitMap<number>(usages.length)
  const kept: Usage[] = []
  const again = new Map<number, Usage[]>()
  for (const usage of usages) {
    const place = places.get(usage.spanId)
    if (place === undefined) {
      places.set(usage.spanId, kept.length)
      kept.push(usage)
    } else {
      const told = again.get(place)
      if (told === undefined) again.set(place, [kept[place]!, usage])
      else told.push(usage)
    }
  }
  for (const [place, told] of again) kept[place] = fullestOf(told, anomalies)
  return kept
}

/** Places by start, then by id. The starts lie beside one another: few pairs need a look at the spans. */
export function inOrder(spans: readonly Usage[], starts: BigUint64Array): readonly number[] {
  const order = spans.map((_, place) => place)
  return order.sort((a, b) => {
    const [start, other] = [starts[a]!, starts[b]!]
    if (start !== other) return start < other ? -1 : 1
    return compareText(spans[a]!.spanId, spans[b]!.spanId)
  })
}

function fullestOf(told: readonly Usage[], anomalies: Anomaly[]): Usage {
  const first = told.reduce((a, b) => (byIdentity(a, b) <= 0 ? a : b))
  const same = told.filter((usage) => isSameSpan(usage, first))
  if (same.length < told.length) {
    anomalies.push({ kind: 'conflict', spanId: first.spanId, reason: 'span_id_reused' })
  }
  const fullest = same.reduce((a, b) => (byFullness(a, b) <= 0 ? a : b))
  if (same.some((usage) => contradicts(usage, fullest))) {
    anomalies.push({ kind: 'conflict', spanId: first.spanId, reason: 'told_differently' })
  }
  return fullest
}

/** Not so where one ended later: a span that is told again as it goes on says more each time. */
function contradicts(a: Usage, b: Usage): boolean {
  if (!a.metered || !b.metered || a.endNano !== b.endNano) return false
  return BUCKETS.some((bucket) => a.buckets[bucket] !== b.buckets[bucket])
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
