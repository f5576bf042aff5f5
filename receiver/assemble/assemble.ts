import type { Assembly, ModelCall } from '../../core/assembly.ts'
import type { UnixNano } from '../../core/time.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'
import { abandonedCalls } from './abandoned.ts'
import { compareAnomalies, listAnomalies } from './anomalies.ts'
import { attribute } from './attribution.ts'
import { differenceSiblings } from './cumulative.ts'
import { joinFetches } from './fetches.ts'
import { collapseLayers } from './layers.ts'
import { mergeMirrors } from './mirrors.ts'
import { toModelCall } from './model-call.ts'
import { append } from './observation.ts'
import { readRows } from './rows.ts'
import { settleStreamEnds } from './stream-ends.ts'
import { collectTools } from './tools.ts'
import { TRAIT } from './traits.ts'
import { type Tree, toTree } from './tree.ts'
import { settleVersions } from './versions.ts'
import { settleWrappers } from './wrappers.ts'

/**
 * What the spans of one trace amount to: every model call and every tool call once, and what is odd about them. A pure
 * function of the set of rows: order, batches and duplicates do not matter. Time is near linear in the number of rows.
 */
export function assemble(usages: readonly Usage[], context: { readonly now: UnixNano }): Assembly {
  const anomalies: Anomaly[] = []
  const tree = withVersions(toTree(readRows(usages, context.now, anomalies), anomalies))
  const collapsed = [...collapseLayers(tree, anomalies), ...abandonedCalls(tree)]
  const told = settleStreamEnds(tree, joinFetches(tree, collapsed))
  const merged = mergeMirrors(tree, told, anomalies)
  const settled = settleWrappers(tree, differenceSiblings(tree, merged, anomalies), anomalies)
  // Spans are in the order of start and id, and so are the calls by the index of the span that counts.
  const inOrder = settled.toSorted((a, b) => a.winner - b.winner)
  const calls = inOrder.map((call) => toModelCall(tree, call))
  const tools = collectTools(tree)
  const attribution = attribute(tree)
  append(anomalies, listAnomalies(tree, inOrder))
  if (attribution.customer === null && calls.length + tools.length > 0) {
    anomalies.push({ kind: 'unattributed', spanId: '', reason: 'no_customer' })
  }
  return {
    calls,
    tools,
    reasoningSteps:
      calls.reduce((steps, call) => steps + call.reasoningSteps, 0) + spansWith(tree, TRAIT.plan).length,
    anomalies: anomalies.sort(compareAnomalies),
    ...tree.bounds,
    ...attribution,
    spanIds: spansWith(tree, USAGE_CLASSES).map((index) => tree.ids[index]!),
  }
}

function withVersions(tree: Tree): Tree {
  const isOpen = tree.traits.some((traits) => (traits & TRAIT.open) !== 0)
  return isOpen ? { ...tree, spans: settleVersions(tree.spans) } : tree
}

/** Every class but `other`. */
const USAGE_CLASSES = TRAIT.request | TRAIT.tool | TRAIT.wrapper | TRAIT.fetch

/** Indexes of the spans with any of these traits. */
function spansWith(tree: Tree, wanted: number): number[] {
  const indexes: number[] = []
  tree.traits.forEach((traits, index) => {
    if ((traits & wanted) !== 0) indexes.push(index)
  })
  return indexes
}

/** By start, then by id. */
export function byCallStart(a: ModelCall, b: ModelCall): number {
  if (a.startNano !== b.startNano) return a.startNano < b.startNano ? -1 : 1
  return a.spanId < b.spanId ? -1 : 1
}
