import type { Usage } from '../../core/usage.ts'
import { type Observed, observed, takeOver } from './observation.ts'
import { TRAIT, type Tree } from './tree.ts'

/**
 * Polls for the result of a background call. Their usage counts only where nobody else has it: the call of the same
 * response takes it over, else the last poll stands for the call.
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
  const fetched: Observed[] = []
  for (const [key, indexes] of polls) {
    const index = indexes[0]!
    const usage = tree.spans[index]!
    const call = byResponse.get(key)
    if (call === undefined) {
      const poll = observed(index, usage)
      poll.observers.push(...indexes.slice(1))
      fetched.push(poll)
    } else if (!call.metered) {
      takeOver(call, usage.buckets)
      call.observers.push(...indexes)
    }
  }
  return [...calls, ...fetched]
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
