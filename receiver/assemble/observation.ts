import { NO_TOKENS, type TokenBuckets, type Usage } from '../../core/usage.ts'
import { together } from './arithmetic.ts'

/** A model call in the making: the spans that saw it, and whose numbers count. Owned by one step at a time. */
export interface Observed {
  /** Index of the span that identifies the call. */
  winner: number
  /** Indexes of all spans that saw it, the winner first. */
  observers: number[]
  /** Indexes of the spans under which the call is known: the winner's, and those of merged mirrors. */
  places: number[]
  buckets: TokenBuckets
  metered: boolean
  granularity: 'call' | 'wrapper'
  /** An answer given before, given again: nobody was asked for it. */
  cacheHit: boolean
  /** What saw it is with another call now, which is the same one. */
  merged: boolean
}

export function observed(index: number, usage: Usage): Observed {
  return {
    winner: index,
    observers: [index],
    places: [index],
    buckets: usage.metered ? usage.buckets : NO_TOKENS,
    metered: usage.metered,
    granularity: 'call',
    cacheHit: false,
    merged: false,
  }
}

/**
 * Takes over what another observer of the same call saw. The call keeps its numbers unless it has none, or the other
 * tells the same totals in more detail, or has just those tokens more that this one could not see; see `together`. False
 * where the two disagree.
 */
export function takeOver(call: Observed, buckets: TokenBuckets): boolean {
  const known = call.metered ? together(call.buckets, buckets) : buckets
  if (known === null) return false
  call.buckets = known
  call.metered = true
  return true
}

/** Both lists in one: where they are short a list that is no longer than it must be, else the first, longer. */
export function joined(a: number[], b: readonly number[]): number[] {
  return a.length + b.length <= 4 ? [...a, ...b] : append(a, b)
}

/** Appends without spreading: a list may be longer than a call has arguments. */
export function append<T>(into: T[], items: readonly T[]): T[] {
  for (const item of items) into.push(item)
  return into
}
