import type { SpanId } from '../../core/ids.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'
import { unmeteredReason } from '../dialects/failures.ts'
import { compiledOf } from '../dialects/recognise.ts'
import type { Observed } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'
import { compareText } from './unique.ts'

/** What is odd about the spans and the calls made of them, beyond what the steps have told. */
export function listAnomalies(tree: Tree, observed: readonly Observed[]): readonly Anomaly[] {
  const anomalies: Anomaly[] = []
  const isOdd = (traits: number): boolean => (traits & TRAIT.odd) !== 0
  const seen = tree.traits.some(isOdd) ? spansNearMetered(tree, observed) : new Uint8Array(0)
  tree.traits.forEach((traits, index) => {
    if (!isOdd(traits)) return
    for (const anomaly of tree.spans[index]!.anomalies) {
      // A server's view of a call is only news where nobody else saw that call.
      if (anomaly.reason === 'server_side' && seen[index] === 1) continue
      anomalies.push(anomaly)
    }
  })
  for (const call of observed) {
    if (call.metered) continue
    const usage = tree.spans[call.winner]!
    anomalies.push({ kind: 'unmetered', spanId: usage.spanId, reason: unmeteredReason(usage) })
  }
  for (const spanId of observed.length > 0 ? silentLeaders(tree) : silentAgents(tree)) {
    anomalies.push({ kind: 'unclassified_usage', spanId, reason: 'agent_without_calls' })
  }
  for (const { winner } of observed) {
    if ((tree.traits[winner]! & TRAIT.badTime) === 0) continue
    anomalies.push({ kind: 'bad_time', spanId: tree.ids[winner]!, reason: 'out_of_range' })
  }
  return anomalies
}

/**
 * Agents that ran, and whatever else names a model it went round, in a trace in which nobody tells of a request: what they
 * asked of models is told nowhere, be it that the client of the provider is not instrumented or that an answer was left.
 */
function silentAgents(tree: Tree): readonly SpanId[] {
  if (tree.traits.some((traits) => (traits & (TRAIT.request | TRAIT.fetch | TRAIT.metered)) !== 0)) return []
  const found: SpanId[] = []
  const covered = new Uint8Array(tree.spans.length)
  for (const index of tree.order) {
    const above = tree.parent[index]!
    if (above !== -1 && covered[above] === 1) covered[index] = 1
    else if ((tree.traits[index]! & TRAIT.wrapper) !== 0 && hasAsked(tree.spans[index]!)) {
      covered[index] = 1
      found.push(tree.ids[index]!)
    }
  }
  return found
}

/** Agents that always ask a model themselves and beneath which, up to the next agent, nobody tells of a request. */
function silentLeaders(tree: Tree): readonly SpanId[] {
  const leaders = new Set(tree.order.filter((index) => isLeader(tree, index)))
  if (leaders.size === 0) return []
  const asks = new Uint8Array(tree.spans.length)
  for (let at = tree.order.length - 1; at >= 0; at--) {
    const index = tree.order[at]!
    const traits = tree.traits[index]!
    if ((traits & (TRAIT.request | TRAIT.fetch)) !== 0) asks[index] = 1
    const parent = tree.parent[index]!
    if (parent !== -1 && asks[index] === 1 && (traits & TRAIT.agent) === 0) asks[parent] = 1
  }
  return [...leaders].filter((index) => asks[index] === 0).map((index) => tree.ids[index]!)
}

function isLeader(tree: Tree, index: number): boolean {
  if ((tree.traits[index]! & TRAIT.agent) === 0) return false
  const usage = tree.spans[index]!
  return !usage.failed && !usage.metered && compiledOf(usage.dialect)?.leads(usage.name) === true
}

function hasAsked(wrapper: Usage): boolean {
  if (wrapper.failed) return false
  return wrapper.agentBoundary || (wrapper.requestModel ?? wrapper.responseModel) !== null
}

/** By span, kind and reason: an order that does not depend on how the anomalies were found. */
export function compareAnomalies(a: Anomaly, b: Anomaly): number {
  return compareText(a.spanId, b.spanId) || compareText(a.kind, b.kind) || compareText(a.reason, b.reason)
}

/** Marks spans with a metered call above or beneath them. */
function spansNearMetered(tree: Tree, observed: readonly Observed[]): Uint8Array {
  const above = new Uint8Array(tree.spans.length)
  const beneath = new Uint8Array(tree.spans.length)
  for (const call of observed) {
    if (!call.metered) continue
    for (const index of call.observers) {
      above[index] = 1
      beneath[index] = 1
    }
  }
  for (const index of tree.order) {
    const parent = tree.parent[index]!
    if (parent !== -1 && above[parent] === 1) above[index] = 1
  }
  for (let at = tree.order.length - 1; at >= 0; at--) {
    const index = tree.order[at]!
    const parent = tree.parent[index]!
    if (parent !== -1 && beneath[index] === 1) beneath[parent] = 1
  }
  return above.map((mark, index) => (mark === 1 || beneath[index] === 1 ? 1 : 0))
}
