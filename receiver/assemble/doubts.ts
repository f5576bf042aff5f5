import type { Anomaly, Usage } from '../../core/usage.ts'
import { agreeInPart } from './arithmetic.ts'
import { areBeside, maybeMirror, sameByPlace } from './beside.ts'
import { isWithin } from './identity.ts'
import type { Observed } from './observation.ts'
import type { Tree } from './tree.ts'

/** With how many earlier calls each is compared. It only decides what is told, not what is counted. */
export const DOUBTS_MAX = 8

/**
 * Tells of calls that may be one and are counted as two: by two scopes, one within the other's time, of which just the input
 * or just the output agrees, or of which one is a guess of its sender.
 */
export function tellDoubts(tree: Tree, calls: readonly Observed[], anomalies: Anomaly[]): void {
  const metered = calls.filter((call) => call.metered).sort((a, b) => a.winner - b.winner)
  let last = 0n
  for (let at = 0; at < metered.length; at++) {
    const call = metered[at]!
    const { startNano, endNano } = tree.spans[call.winner]!
    // Calls mostly follow one another: then none is looked at twice.
    if (last >= startNano && isDoubtful(tree, metered, at)) anomalies.push(maybeMirror(tree, call))
    if (endNano > last) last = endNano
  }
}

function isDoubtful(tree: Tree, calls: readonly Observed[], at: number): boolean {
  for (let before = Math.max(0, at - DOUBTS_MAX); before < at; before++) {
    if (mayBeOne(tree, calls[before]!, calls[at]!)) return true
  }
  return false
}

function mayBeOne(tree: Tree, a: Observed, b: Observed): boolean {
  const [usageA, usageB]: [Usage, Usage] = [tree.spans[a.winner]!, tree.spans[b.winner]!]
  if (usageA.estimated === usageB.estimated && !agreeInPart(a.buckets, b.buckets)) return false
  if (!isWithin(usageA, usageB) && !isWithin(usageB, usageA)) return false
  return areBeside(tree, a, b) && sameByPlace(usageA, usageB)
}
