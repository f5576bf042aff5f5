import type { ModelCall } from '../../core/assembly.ts'
import type { ModelSwitch } from '../../core/simulation.ts'
import type { TokenBuckets } from '../../core/usage.ts'
import { nameOf } from '../name.ts'
import { matchesGlob } from '../plans/glob.ts'
import type { FindKeys } from '../prices/match.ts'
import type { ScaleCount } from './token-ratio.ts'

/** A model that calls are switched to, by the names a span of it would have. */
export interface SwitchedTo {
  readonly provider: string | null
  readonly model: string
}

/** Finds what a model is switched to; null where it stays. The same for all calls of one provider and model. */
export type FindSwitch = (provider: string | null, model: string | null) => SwitchedTo | null

/** Models remembered; more distinct ones than this start over. */
const SWITCHES_REMEMBERED_MAX = 10_000

/** What each is switched to. Where no provider is named, the vendor that the catalogue sees in the model's name serves it. */
export function targetsOf(switches: readonly ModelSwitch[], findKeys: FindKeys): readonly SwitchedTo[] {
  return switches.map(({ provider, model }) => ({ provider: provider ?? vendorOf(model, findKeys), model }))
}

export function createFindSwitch(
  switches: readonly ModelSwitch[],
  targets: readonly SwitchedTo[],
  findKeys: FindKeys,
): FindSwitch {
  const remembered = new Map<string, SwitchedTo | null>()
  return (provider, model) => {
    if (model === null) return null
    const name = nameOf(provider, model)
    let found = remembered.get(name)
    if (found === undefined) {
      const names = [model, ...findKeys({ provider, model, requestModel: null }).map((key) => key.model)]
      const no = switches.findIndex(({ pattern }) => names.some((each) => matchesGlob(pattern, each)))
      found = targets[no] ?? null
      if (remembered.size >= SWITCHES_REMEMBERED_MAX) remembered.clear()
      remembered.set(name, found)
    }
    return found
  }
}

/** The catalogue's name of the provider, which OpenTelemetry spells otherwise in a few cases. */
function vendorOf(model: string, findKeys: FindKeys): string | null {
  const key = findKeys({ provider: null, model, requestModel: null }).find((each) => each.provider !== '')
  return key ? (OTEL_NAMES.get(key.provider) ?? key.provider) : null
}

const OTEL_NAMES: ReadonlyMap<string, string> = new Map([
  ['aws', 'aws.bedrock'],
  ['azure', 'azure.ai.openai'],
  ['google', 'gcp.gemini'],
  ['mistral', 'mistral_ai'],
  ['x-ai', 'x_ai'],
])

/**
 * The call as the other model would have had it: the same usage at the same instant, its tokens scaled, each
 * count rounded to the nearest whole one. What only its provider knew (region, reported cost, answer's id) is left out;
 * the service tier stays, so that a tier which the other does not sell is unpriced and not sold as standard.
 */
export function switchCall(call: ModelCall, to: SwitchedTo, scale: ScaleCount): ModelCall {
  const { provider, model } = to
  return {
    ...call,
    buckets: scaleBuckets(call.buckets, scale),
    quantities: scaleQuantities(call.quantities, scale),
    provider,
    model,
    requestModel: model,
    responseId: null,
    region: null,
    reportedCost: null,
  }
}

function scaleBuckets(buckets: TokenBuckets, scale: ScaleCount): TokenBuckets {
  return {
    inputUncached: scale(buckets.inputUncached),
    cacheRead: scale(buckets.cacheRead),
    cacheWrite: scale(buckets.cacheWrite),
    cacheWrite1h: scale(buckets.cacheWrite1h),
    outputText: scale(buckets.outputText),
    outputReasoning: scale(buckets.outputReasoning),
  }
}

/** Tokens alone depend on the tokenizer; searches, images and seconds do not. */
function scaleQuantities(
  quantities: Readonly<Record<string, number>>,
  scale: ScaleCount,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(quantities).map(([unit, count]) => [
      unit,
      unit.endsWith('_tokens') ? scale(count) : count,
    ]),
  )
}
