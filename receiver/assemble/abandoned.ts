import { compiledOf } from '../dialects/recognise.ts'
import { type Observed, observed } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

const REQUEST = TRAIT.request | TRAIT.fetch

/**
 * Calls of which nothing but the wrapper around them is told: where an application leaves a stream in its midst, some
 * clients never end the span of the request. They are calls without usage. A wrapper that failed may have asked nobody.
 */
export function abandonedCalls(tree: Tree): readonly Observed[] {
  const alone: number[] = []
  tree.traits.forEach((traits, index) => {
    if ((traits & TRAIT.wrapper) === 0 || (traits & TRAIT.metered) !== 0) return
    const usage = tree.spans[index]!
    if (usage.failed || (usage.requestModel ?? usage.responseModel) === null) return
    if (compiledOf(usage.dialect)?.dialect.asks === true) alone.push(index)
  })
  if (alone.length === 0) return []
  const asked = withRequests(tree)
  return alone.filter((index) => asked[index] === 0).map((index) => observed(index, tree.spans[index]!))
}

/** Marks spans with a request, or a poll for one, beneath them. */
function withRequests(tree: Tree): Uint8Array {
  const asked = new Uint8Array(tree.spans.length)
  for (let at = tree.order.length - 1; at >= 0; at--) {
    const index = tree.order[at]!
    const above = tree.parent[index]!
    if (above !== -1 && (asked[index] === 1 || (tree.traits[index]! & REQUEST) !== 0)) asked[above] = 1
  }
  return asked
}
