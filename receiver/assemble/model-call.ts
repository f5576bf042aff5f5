import type { ModelCall } from '../../core/assembly.ts'
import type { TokenBuckets, Usage } from '../../core/usage.ts'
import { compiledOf } from '../dialects/recognise.ts'
import { equalTotals } from './arithmetic.ts'
import type { Observed } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/** What the observers of a call say of it together. */
type Told = Pick<
  Usage,
  | 'provider'
  | 'requestModel'
  | 'responseModel'
  | 'responseId'
  | 'serviceTier'
  | 'region'
  | 'reasoningParts'
  | 'quantities'
  | 'reportedCost'
>

/** A model call from what its observers say: the winner first, then the others where the winner is silent. */
export function toModelCall(tree: Tree, call: Observed): ModelCall {
  const winner = tree.spans[call.winner]!
  const others = call.observers.length === 1 ? NOBODY : otherObservers(tree, call)
  // Most calls have one observer, who says it all: nothing is made that only lives until the call is.
  const told: Told = others.length === 0 ? winner : toldBy(winner, others)
  return {
    spanId: winner.spanId,
    spanIds: idsOf(winner, others),
    kind: winner.usageClass === 'embed' ? 'embedding' : 'chat',
    granularity: call.granularity,
    provider: told.provider,
    model: told.responseModel ?? told.requestModel ?? modelOfWrapper(tree, call.winner),
    requestModel: told.requestModel,
    responseId: told.responseId,
    startNano: winner.startNano,
    endNano: winner.endNano,
    metered: call.metered,
    buckets: call.buckets,
    reasoningSteps: reasoningSteps(call, told),
    quantities: told.quantities,
    serviceTier: told.serviceTier,
    region: told.region,
    reportedCost: told.reportedCost,
    estimated: isEstimated(call, winner, others),
    cacheHit: call.cacheHit,
    badTime: (tree.traits[call.winner]! & TRAIT.badTime) !== 0,
  }
}

const NOBODY: readonly Usage[] = []

/** What somebody counted is no estimate, whoever else guessed it; of a sum the span that identifies the call decides. */
function isEstimated({ buckets }: Observed, winner: Usage, others: readonly Usage[]): boolean {
  const isTold = tells(winner, buckets)
  if (others.length === 0 || (isTold && !winner.estimated)) return winner.estimated
  const tellers = others.filter((usage) => tells(usage, buckets))
  return isTold || tellers.length > 0 ? tellers.every((usage) => usage.estimated) : winner.estimated
}

function tells({ metered, buckets }: Usage, whole: TokenBuckets): boolean {
  return metered && equalTotals(buckets, whole)
}

function toldBy(winner: Usage, others: readonly Usage[]): Told {
  let { provider, requestModel, responseModel, responseId, serviceTier, region, quantities } = winner
  let reasoningParts = winner.reasoningParts ?? 0
  for (const usage of others) {
    provider ??= usage.provider
    requestModel ??= usage.requestModel
    responseModel ??= usage.responseModel
    responseId ??= usage.responseId
    serviceTier ??= usage.serviceTier
    region ??= usage.region
    quantities = withQuantities(quantities, usage.quantities)
    reasoningParts = Math.max(reasoningParts, usage.reasoningParts ?? 0)
  }
  const reportedCost = reportedCostOf(winner, others)
  return {
    provider,
    requestModel,
    responseModel,
    responseId,
    serviceTier,
    region,
    reasoningParts,
    quantities,
    reportedCost,
  }
}

function idsOf({ spanId }: Usage, others: readonly Usage[]): readonly string[] {
  if (others.length === 0) return [spanId]
  if (others.length === 1) return [spanId, others[0]!.spanId]
  return [spanId, ...others.map((usage) => usage.spanId).sort()]
}

function otherObservers(tree: Tree, call: Observed): readonly Usage[] {
  if (call.observers.length === 2) {
    const [first, second] = call.observers as [number, number]
    const other = first === call.winner ? second : first
    return other === call.winner ? NOBODY : [tree.spans[other]!]
  }
  const sorted = Int32Array.from(call.observers).sort()
  const others: Usage[] = []
  for (let at = 0; at < sorted.length; at++) {
    const index = sorted[at]!
    if (index !== call.winner && index !== sorted[at - 1]) others.push(tree.spans[index]!)
  }
  return others
}

/** How many spans up a wrapper is looked for. */
const WRAPPER_STEPS_MAX = 16

/** For dialects that name the model on what goes round the calls only. */
function modelOfWrapper(tree: Tree, index: number): string | null {
  if (compiledOf(tree.spans[index]!.dialect)?.dialect.modelOfWrapper !== true) return null
  let above = tree.parent[index]!
  for (let steps = 0; above !== -1 && steps < WRAPPER_STEPS_MAX; steps++, above = tree.parent[above]!) {
    const usage = tree.spans[above]!
    if (usage.usageClass === 'tool') return null
    const model = usage.usageClass === 'wrapper' ? (usage.responseModel ?? usage.requestModel) : null
    if (model !== null || usage.agentBoundary) return model
  }
  return null
}

/** A gateway or a provider knows what it charges; what a client works out comes after. */
function reportedCostOf(winner: Usage, others: readonly Usage[]): string | null {
  if (isCharging(winner)) return winner.reportedCost
  let told = winner.reportedCost
  for (const usage of others) {
    if (isCharging(usage)) return usage.reportedCost
    told ??= usage.reportedCost
  }
  return told
}

function isCharging({ reportedCost, dialect }: Usage): boolean {
  return reportedCost !== null && compiledOf(dialect)?.dialect.serves === true
}

/** The visible parts of reasoning; where none can be seen, one step if any tokens went into reasoning. */
function reasoningSteps(call: Observed, { reasoningParts }: Told): number {
  if (reasoningParts !== null && reasoningParts > 0) return reasoningParts
  return call.buckets.outputReasoning > 0 ? 1 : 0
}

type Quantities = Readonly<Record<string, number>>

/** What is known already, and what only the other tells. */
function withQuantities(known: Quantities, other: Quantities): Quantities {
  for (const unit in other) if (!Object.hasOwn(known, unit)) return { ...other, ...known }
  return known
}
