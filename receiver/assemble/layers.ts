import { type Anomaly, NO_TOKENS, type TokenBuckets, type Usage } from '../../core/usage.ts'
import { isRefused } from '../dialects/failures.ts'
import { allTokens, equalTotals, isNowhereNegative, minus, plus } from './arithmetic.ts'
import { areDistinctIds, beginsWithin } from './identity.ts'
import { append, type Observed, observed, takeOver } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/** How many calls up a layer is looked for past calls that ended before it began. */
const LAYERS_MAX = 16

/**
 * Model calls of a trace, each once, however many instrumentations saw it from above one another. A call within a call,
 * with neither a tool nor an agent between them, is the same call seen twice; the inner metered one counts.
 */
export function collapseLayers(tree: Tree, anomalies: Anomaly[]): readonly Observed[] {
  const outer = outerCalls(tree, anomalies)
  // By the call that they are within.
  const inner = new Array<Observed[] | undefined>(tree.spans.length)
  const calls: Observed[] = []
  for (let at = tree.order.length - 1; at >= 0; at--) {
    const index = tree.order[at]!
    if ((tree.traits[index]! & TRAIT.request) === 0) continue
    const usage = tree.spans[index]!
    const found = inner[index]
    const above = outer[index]!
    if (found === undefined && above === -1) {
      // Most calls are neither within another nor around one.
      if (!isRefused(usage)) calls.push(observed(index, usage))
      continue
    }
    inner[index] = undefined
    const resolved = found === undefined ? alone(index, usage) : withInner(tree, index, found, anomalies)
    if (above === -1) append(calls, resolved)
    else inner[above] = handedUp(inner[above], resolved)
  }
  return calls
}

/** For each call the call it is a layer of, else -1. */
function outerCalls(tree: Tree, anomalies: Anomaly[]): Int32Array {
  const outer = new Int32Array(tree.spans.length).fill(-1)
  const apart: Apart[] = []
  const visibleCall = new Int32Array(tree.spans.length).fill(-1)
  const visibleEmbed = new Int32Array(tree.spans.length).fill(-1)
  for (let at = 0; at < tree.order.length; at++) {
    const index = tree.order[at]!
    const traits = tree.traits[index]!
    const above = tree.parent[index]!
    visibleCall[index] = above === -1 ? -1 : visibleCall[above]!
    visibleEmbed[index] = above === -1 ? -1 : visibleEmbed[above]!
    if ((traits & (TRAIT.tool | TRAIT.agent)) !== 0) {
      visibleCall[index] = -1
      visibleEmbed[index] = -1
    } else if ((traits & TRAIT.request) !== 0) {
      const visible = (traits & TRAIT.call) !== 0 ? visibleCall : visibleEmbed
      const nearest = visible[index]!
      if (nearest !== -1) outer[index] = layerAbove(tree, outer, nearest, tree.spans[index]!, apart)
      visible[index] = index
    }
  }
  if (apart.length > 0) tellApart(tree, outer, apart, anomalies)
  return outer
}

/** A call that is no layer of the one around it, as both have ids and tokens of their own. */
interface Apart {
  readonly usage: Usage
  readonly around: number
}

/**
 * Tells of calls within another that are calls of their own. Where the other's own request is beneath it too, by its id,
 * nothing is left to doubt: frameworks write each of their requests over the span around them, and the last stays.
 */
function tellApart(tree: Tree, outer: Int32Array, apart: readonly Apart[], anomalies: Anomaly[]): void {
  const known = new Set<number>()
  outer.forEach((above, index) => {
    if (above === -1) return
    const { responseId } = tree.spans[above]!
    if (responseId !== null && responseId === tree.spans[index]!.responseId) known.add(above)
  })
  for (const { usage, around } of apart) {
    if (known.has(around)) continue
    anomalies.push({ kind: 'usage_ambiguous', spanId: usage.spanId, reason: 'nested_distinct' })
  }
}

function layerAbove(tree: Tree, outer: Int32Array, nearest: number, usage: Usage, apart: Apart[]): number {
  let candidate = nearest
  for (let steps = 0; candidate !== -1 && steps < LAYERS_MAX; steps++) {
    const above = tree.spans[candidate]!
    if (beginsWithin(usage, above)) {
      if (!areDistinct(usage, above)) return candidate
      apart.push({ usage, around: candidate })
      return -1
    }
    candidate = outer[candidate]!
  }
  return -1
}

function areDistinct(a: Usage, b: Usage): boolean {
  return (
    a.metered && b.metered && areDistinctIds(a.responseId, b.responseId) && !equalTotals(a.buckets, b.buckets)
  )
}

/** The longer list takes in the shorter, so that deep and wide trees stay near linear. */
function handedUp(known: Observed[] | undefined, calls: Observed[]): Observed[] {
  if (known === undefined) return calls
  return known.length >= calls.length ? append(known, calls) : append(calls, known)
}

function alone(index: number, usage: Usage): Observed[] {
  return isRefused(usage) ? [] : [observed(index, usage)]
}

function withInner(tree: Tree, index: number, inner: Observed[], anomalies: Anomaly[]): Observed[] {
  const usage = tree.spans[index]!
  // Every request below was refused: what this span saw was no call either, unless it knows of usage.
  if (inner.length === 0) return usage.metered ? [observed(index, usage)] : []
  const [only] = inner
  if (inner.length === 1 && only !== undefined) {
    if (!only.metered && isRefused(usage) && failedUnexplained(tree.spans[only.winner]!)) return []
    only.observers.push(index)
    if (usage.metered && !takeOver(only, usage.buckets)) {
      anomalies.push({ kind: 'usage_ambiguous', spanId: usage.spanId, reason: 'layer_disagree' })
    }
    return inner
  }
  if (usage.metered) reconstruct(index, usage, inner, anomalies)
  return inner
}

/** Some instrumentations tell that a request failed and not how: whoever is around it may know that it was refused. */
function failedUnexplained({ failed, errorType, responseId }: Usage): boolean {
  return failed && errorType === null && responseId === null
}

/**
 * Several requests beneath, some without usage, and a call around them that knows the sum: what the others leave is
 * theirs. It goes to the first of them, and the others with it.
 */
function reconstruct(index: number, usage: Usage, inner: Observed[], anomalies: Anomaly[]): void {
  const missing = inner.filter((call) => !call.metered)
  if (missing.length === 0) return
  const rest = remainder(usage.buckets, inner)
  if (rest === null) return
  const known = inner.filter((call) => call.metered)
  const first = coverAll(missing, rest)
  // Requests beneath may name no model; who knows their sum does.
  first.observers.push(index)
  inner.length = 0
  append(inner, [...known, first])
  anomalies.push({ kind: 'usage_ambiguous', spanId: usage.spanId, reason: 'reconstructed' })
}

/** What is left of a sum after the metered calls; null where it is nothing, or no sum of theirs. */
export function remainder(sum: TokenBuckets, calls: readonly Observed[]): TokenBuckets | null {
  const known = calls.filter((call) => call.metered).reduce((all, call) => plus(all, call.buckets), NO_TOKENS)
  const rest = minus(sum, known)
  return isNowhereNegative(rest) && allTokens(rest) > 0 ? rest : null
}

/** Makes one metered call of those without usage; the earliest lends its identity. */
export function coverAll(missing: readonly Observed[], buckets: TokenBuckets): Observed {
  const [first, ...others] = [...missing].sort((a, b) => a.winner - b.winner)
  if (first === undefined) throw new RangeError('no call to cover')
  for (const other of others) {
    append(first.observers, other.observers)
    append(first.places, other.places)
  }
  first.buckets = buckets
  first.metered = true
  return first
}
