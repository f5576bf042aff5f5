import { compiledOf } from '../dialects/recognise.ts'
import { type Observed, observed } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/**
 * Streams of emitters that tell a stream at its end, be it left in its midst. Where nothing is above the request, its end is
 * the root of another trace, and no trace knows both. The request is then no call of its own, and an end that knows no
 * usage stands for the call. What another instrumentation saw as well stays.
 */
export function settleStreamEnds(tree: Tree, calls: readonly Observed[]): readonly Observed[] {
  const settled = calls.filter((call) => !isToldElsewhere(tree, call))
  tree.traits.forEach((traits, index) => {
    if ((traits & TRAIT.fetch) === 0 || (traits & TRAIT.metered) !== 0) return
    if (isRootOfStream(tree, index)) settled.push(observed(index, tree.spans[index]!))
  })
  return settled
}

function isToldElsewhere(tree: Tree, { metered, winner, observers }: Observed): boolean {
  if (metered || !isRootOfStream(tree, winner)) return false
  const { failed, responseId, usageClass } = tree.spans[winner]!
  return observers.length === 1 && usageClass === 'call' && !failed && responseId === null
}

function isRootOfStream(tree: Tree, index: number): boolean {
  const { dialect, parentSpanId } = tree.spans[index]!
  return parentSpanId === '' && compiledOf(dialect)?.dialect.toldAtEnd === true
}
