import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/**
 * Marks the calls that reach an agent in another service: beneath them a server span, and beneath that an agent, with no
 * tool between. Such a call may be one model call of the agent's making, or the agent itself dressed as a model.
 */
export function remoteOuters(tree: Tree): Uint8Array {
  const remote = new Uint8Array(tree.spans.length)
  const call = new Int32Array(tree.spans.length).fill(-1)
  const served = new Uint8Array(tree.spans.length)
  for (let at = 0; at < tree.order.length; at++) {
    const index = tree.order[at]!
    const traits = tree.traits[index]!
    const above = tree.parent[index]!
    if (above !== -1) {
      call[index] = call[above]!
      served[index] = served[above]!
    }
    if ((traits & TRAIT.server) !== 0) served[index] = 1
    if ((traits & TRAIT.call) !== 0) {
      call[index] = index
      served[index] = 0
    } else if ((traits & TRAIT.tool) !== 0) {
      call[index] = -1
    } else if ((traits & TRAIT.agent) !== 0) {
      if (call[index] !== -1 && served[index] === 1) remote[call[index]!] = 1
      call[index] = -1
    }
  }
  return remote
}
