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
  const told: Told = others.length === 0 ? winner : toldBy([winner, ...others])
  return {
    spanId: winner.spanId,
    spanIds: others.length === 0 ? [winner.spanId] : [winner.spanId, ...others.map(idOf).sort()],
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
    estimated: isEstimated(tree, call),
    cacheHit: call.cacheHit,
    badTime: (tree.traits[call.winner]! & TRAIT.badTime) !== 0,
  }
}

const NOBODY: readonly Usage[] = []

/** What somebody counted is no estimate, whoever else guessed it; of a sum the span that identifies the call decides. */
function isEstimated(tree: Tree, { winner, observers, buckets }: Observed): boolean {
  if (observers.length === 1) return tree.spans[winner]!.estimated
  const tellers = observers.map((index) => tree.spans[index]!).filter((usage) => tells(usage, buckets))
  return tellers.length === 0 ? tree.spans[winner]!.estimated : tellers.every(({ estimated }) => estimated)
}

function tells({ metered, buckets }: Usage, whole: TokenBuckets): boolean {
  return metered && equalTotals(buckets, whole)
}

function toldBy(observers: readonly Usage[]): Told {
  const first = <T>(read: (usage: Usage) => T | null): T | null => {
    for (const usage of observers) {
      const value = read(usage)
      if (value !== null) return value
    }
    return null
  }
  return {
    provider: first((usage) => usage.provider),
    requestModel: first((usage) => usage.requestModel),
    responseModel: first((usage) => usage.responseModel),
    responseId: first((usage) => usage.responseId),
    serviceTier: first((usage) => usage.serviceTier),
    region: first((usage) => usage.region),
    reasoningParts: observers.reduce((parts, usage) => Math.max(parts, usage.reasoningParts ?? 0), 0),
    quantities: quantitiesOf(observers),
    reportedCost: reportedCost(observers),
  }
}

function idOf({ spanId }: Usage): string {
  return spanId
}

function otherObservers(tree: Tree, call: Observed): readonly Usage[] {
  return [...new Set(call.observers)]
    .filter((index) => index !== call.winner)
    .sort((a, b) => a - b)
    .map((index) => tree.spans[index]!)
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
function reportedCost(observers: readonly Usage[]): string | null {
  const told = observers.filter((usage) => usage.reportedCost !== null)
  const charging = told.find((usage) => compiledOf(usage.dialect)?.dialect.serves === true)
  return (charging ?? told[0])?.reportedCost ?? null
}

/** The visible parts of reasoning; where none can be seen, one step if any tokens went into reasoning. */
function reasoningSteps(call: Observed, { reasoningParts }: Told): number {
  if (reasoningParts !== null && reasoningParts > 0) return reasoningParts
  return call.buckets.outputReasoning > 0 ? 1 : 0
}

function quantitiesOf(observers: readonly Usage[]): Readonly<Record<string, number>> {
  const quantities: Record<string, number> = {}
  for (const usage of observers) {
    for (const [unit, quantity] of Object.entries(usage.quantities)) quantities[unit] ??= quantity
  }
  return quantities
}
