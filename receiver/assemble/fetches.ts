import type { UnixNano } from '../../core/time.ts'
import type { Usage } from '../../core/usage.ts'
import { FreePlaces } from './free-places.ts'
import { append, type Observed, observed, takeOver } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/**
 * Polls for the result of a background call, and ends of streams that are told apart from their request. Their usage counts
 * only where nobody else has it: the call of the same response takes it over, or the last silent one that the same emitter
 * made before under the same span; else the last poll stands for the call.
 */
export function joinFetches(tree: Tree, calls: readonly Observed[]): readonly Observed[] {
  const polls = lastPolls(tree)
  if (polls.size === 0) return calls
  const byResponse = new Map<string, Observed>()
  for (const call of calls) {
    for (const index of call.observers) {
      const { responseId } = tree.spans[index]!
      if (responseId === null) continue
      const known = byResponse.get(responseId)
      if (known === undefined || (!known.metered && call.metered)) byResponse.set(responseId, call)
    }
  }
  const silent = silentCalls(tree, calls)
  const fetched: Observed[] = []
  for (const [key, indexes] of polls) {
    const index = indexes[0]!
    const usage = tree.spans[index]!
    const call = byResponse.get(key) ?? silentBefore(tree, silent, index)
    if (call === undefined) {
      const poll = observed(index, usage)
      append(poll.observers, indexes.slice(1))
      fetched.push(poll)
    } else if (!call.metered) {
      takeOver(call, usage.buckets)
      append(call.observers, indexes)
    }
  }
  return [...calls, ...fetched]
}

/** Calls without usage and without a response id that one emitter made under one span, in the order of start. */
interface SilentCalls {
  readonly calls: readonly Observed[]
  /** Those that no poll is of yet. */
  readonly free: FreePlaces
}

function silentCalls(tree: Tree, calls: readonly Observed[]): ReadonlyMap<string, SilentCalls> {
  const silent = calls.filter((call) => !call.metered && tree.spans[call.winner]!.responseId === null)
  const ordered = silent.toSorted((a, b) => a.winner - b.winner)
  const groups = Map.groupBy(ordered, (call) => placeOf(tree, call.winner))
  return new Map(
    Array.from(groups, ([key, group]) => [key, { calls: group, free: new FreePlaces(group.length) }]),
  )
}

/** How many calls that began before a poll and had not ended are passed over in search of one that had. */
export const RUNNING_MAX = 64

/** A poll for a response that no call names is of the last such call that ended before it, and no other poll is. */
function silentBefore(
  tree: Tree,
  silent: ReadonlyMap<string, SilentCalls>,
  poll: number,
): Observed | undefined {
  const near = silent.get(placeOf(tree, poll))
  if (near === undefined) return undefined
  const { calls, free } = near
  const { startNano } = tree.spans[poll]!
  let at = free.lastUntil(firstAfter(tree, calls, startNano) - 1)
  for (let passed = 0; at !== -1 && passed <= RUNNING_MAX; passed++) {
    if (tree.spans[calls[at]!.winner]!.endNano <= startNano) {
      free.take(at)
      return calls[at]
    }
    at = free.lastUntil(at - 1)
  }
  return undefined
}

/** Place of the first of the calls, which are in the order of start, that began after the instant. */
function firstAfter(tree: Tree, calls: readonly Observed[], instant: UnixNano): number {
  let [low, high] = [0, calls.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (tree.spans[calls[middle]!.winner]!.startNano <= instant) low = middle + 1
    else high = middle
  }
  return low
}

function placeOf(tree: Tree, index: number): string {
  const { scopeName, requestModel, serviceName, serviceInstance } = tree.spans[index]!
  return JSON.stringify([tree.parent[index]!, scopeName, requestModel, serviceName, serviceInstance])
}

/** Metered polls by response id, the last poll first. A poll without an id is its own. */
function lastPolls(tree: Tree): Map<string, number[]> {
  const polls = new Map<string, number[]>()
  tree.traits.forEach((traits, index) => {
    if ((traits & TRAIT.fetch) === 0 || (traits & TRAIT.metered) === 0) return
    const usage = tree.spans[index]!
    const key = usage.responseId ?? `span:${usage.spanId}`
    const known = polls.get(key)
    if (known === undefined) polls.set(key, [index])
    else known.push(index)
  })
  for (const indexes of polls.values())
    indexes.sort((a, b) => laterFirst(tree.spans[a]!, tree.spans[b]!) || b - a)
  return polls
}

function laterFirst(a: Usage, b: Usage): number {
  if (a.endNano === b.endNano) return 0
  return a.endNano > b.endNano ? -1 : 1
}
