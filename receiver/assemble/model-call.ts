import type { ModelCall } from '../../core/assembly.ts'
import type { Usage } from '../../core/usage.ts'
import { compiledOf } from '../dialects/recognise.ts'
import type { Observed } from './observation.ts'
import { TRAIT, type Tree } from './tree.ts'

const NOBODY: readonly Usage[] = []

/** A model call from what its observers say: the winner first, then the others where the winner is silent. */
export function toModelCall(tree: Tree, call: Observed): ModelCall {
  const winner = tree.spans[call.winner]!
  const others = call.observers.length === 1 ? NOBODY : otherObservers(tree, call)
  const observers = others.length === 0 ? [winner] : [winner, ...others]
  const first = <T>(read: (usage: Usage) => T | null): T | null => {
    for (const usage of observers) {
      const value = read(usage)
      if (value !== null) return value
    }
    return null
  }
  const requestModel = first((usage) => usage.requestModel)
  const model = first((usage) => usage.responseModel) ?? requestModel ?? modelOfWrapper(tree, call.winner)
  return {
    spanId: winner.spanId,
    spanIds: others.length === 0 ? [winner.spanId] : [winner.spanId, ...others.map(idOf).sort()],
    kind: winner.usageClass === 'embed' ? 'embedding' : 'chat',
    granularity: call.granularity,
    provider: first((usage) => usage.provider),
    model,
    requestModel,
    responseId: first((usage) => usage.responseId),
    startNano: winner.startNano,
    endNano: winner.endNano,
    metered: call.metered,
    buckets: call.buckets,
    reasoningSteps: reasoningSteps(call, observers),
    quantities: quantitiesOf(observers),
    serviceTier: first((usage) => usage.serviceTier),
    region: first((usage) => usage.region),
    reportedCost: reportedCost(observers),
    estimated: winner.estimated,
    cacheHit: call.cacheHit,
    badTime: (tree.traits[call.winner]! & TRAIT.badTime) !== 0,
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
  if (observers.every((usage) => usage.reportedCost === null)) return null
  const told = observers.filter((usage) => usage.reportedCost !== null)
  const charging = told.find((usage) => compiledOf(usage.dialect)?.dialect.serves === true)
  return (charging ?? told[0])?.reportedCost ?? null
}

/** The visible parts of reasoning; where none can be seen, one step if any tokens went into reasoning. */
function reasoningSteps(call: Observed, observers: readonly Usage[]): number {
  let parts = 0
  for (const usage of observers) parts = Math.max(parts, usage.reasoningParts ?? 0)
  if (parts > 0) return parts
  return call.buckets.outputReasoning > 0 ? 1 : 0
}

function quantitiesOf(observers: readonly Usage[]): Readonly<Record<string, number>> {
  if (observers.length === 1) return observers[0]!.quantities
  const quantities: Record<string, number> = {}
  for (const usage of observers) {
    for (const [unit, quantity] of Object.entries(usage.quantities)) quantities[unit] ??= quantity
  }
  return quantities
}
