import type { SpanId } from '../../core/ids.ts'
import { type Anomaly, NO_TOKENS, type TokenBuckets, type Usage } from '../../core/usage.ts'
import { SplitMap } from './split-map.ts'

const BUCKETS = Object.keys(NO_TOKENS) as readonly (keyof TokenBuckets)[]

/** Spans of a trace, each once, in the order of start and id. */
export interface UniqueSpans {
  readonly spans: readonly Usage[]
  /** Index of a span; −1 for one that is not here. */
  indexOf(spanId: SpanId): number
}

/** One row per span, in the order of start and id; see `indexSpans`. */
export function uniqueSpans(usages: readonly Usage[], anomalies: Anomaly[]): readonly Usage[] {
  return indexSpans(usages, anomalies).spans
}

/**
 * A span told twice is normal: of equal tellings any is kept, of different ones that which says more. Another name or
 * scope under the same id is a fault of the sender; the earlier one is kept and the conflict told. So is a call that
 * used this much and that much until the same instant: one of both is kept, and a person should say which was true.
 */
export function indexSpans(usages: readonly Usage[], anomalies: Anomaly[]): UniqueSpans {
  const places = new SplitMap<number>(usages.length)
  const starts = new Float64Array(usages.length)
  // Most traces tell each span once, and to ask of each whether it was told before costs as much as to remember it.
  for (let place = 0; place < usages.length; place++) {
    const { spanId, startNano } = usages[place]!
    places.set(spanId, place)
    starts[place] = Number(startNano)
  }
  if (places.size === usages.length) return ordered(usages, starts, places)
  const kept = toldOnce(usages, anomalies)
  return indexSpans(kept, anomalies)
}

function ordered(kept: readonly Usage[], starts: Float64Array, places: SplitMap<number>): UniqueSpans {
  const order = inOrder(kept, starts)
  const ranks = new Int32Array(kept.length)
  for (let rank = 0; rank < order.length; rank++) ranks[order[rank]!] = rank
  return {
    spans: order.map((place) => kept[place]!),
    indexOf: (spanId) => {
      const place = places.get(spanId)
      return place === undefined ? -1 : ranks[place]!
    },
  }
}

/** One row of each span. */
function toldOnce(usages: readonly Usage[], anomalies: Anomaly[]): readonly Usage[] {
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

/**
 * Places by start, then by id. Most pairs are told apart by doubles that lie beside one another, without a look at the
 * spans, of which a large trace has more than a cache holds.
 */
function inOrder(spans: readonly Usage[], starts: Float64Array): readonly number[] {
  const order = spans.map((_, place) => place)
  return order.sort((a, b) => {
    if (starts[a] !== starts[b]) return starts[a]! < starts[b]! ? -1 : 1
    return byStart(spans[a]!, spans[b]!)
  })
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
