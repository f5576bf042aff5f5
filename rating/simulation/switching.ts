import type { ModelCall } from '../../core/assembly.ts'
import { Decimal } from '../../core/money.ts'
import type { ModelSwitch } from '../../core/simulation.ts'
import type { TokenBuckets } from '../../core/usage.ts'
import { matchesGlob } from '../glob.ts'
import { nameOf } from '../name.ts'
import type { FindKeys } from '../prices/match.ts'

/** A model that calls are switched to, by the names a span of it would have. */
export interface SwitchedTo {
  readonly provider: string | null
  readonly model: string
}

/** Finds what a model is switched to; null where it stays. The same for all calls of one provider and model. */
export type FindSwitch = (provider: string | null, model: string | null) => SwitchedTo | null

/** Models remembered; more distinct ones than this start over. */
export const SWITCHES_REMEMBERED_MAX = 10_000

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
 * The call as the other model would have had it: the same usage at the same instant, its tokens times `ratio`, each
 * count rounded to the nearest whole one. What only its provider knew (region, reported cost, answer's id) is left out;
 * the service tier stays, so that a tier which the other does not sell is unpriced and not sold as standard.
 */
export function switchCall(call: ModelCall, to: SwitchedTo, ratio: Decimal): ModelCall {
  const scaled = ratio.equals(1)
    ? { buckets: call.buckets, quantities: call.quantities }
    : { buckets: scaleBuckets(call.buckets, ratio), quantities: scaleQuantities(call.quantities, ratio) }
  const { provider, model } = to
  return {
    ...call,
    ...scaled,
    provider,
    model,
    requestModel: model,
    responseId: null,
    region: null,
    reportedCost: null,
  }
}

function scaleBuckets(buckets: TokenBuckets, ratio: Decimal): TokenBuckets {
  return Object.fromEntries(
    Object.entries(buckets).map(([bucket, count]) => [bucket, scale(count, ratio)]),
  ) as unknown as TokenBuckets
}

/** Tokens alone depend on the tokenizer; searches, images and seconds do not. */
function scaleQuantities(
  quantities: Readonly<Record<string, number>>,
  ratio: Decimal,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(quantities).map(([unit, count]) => [
      unit,
      unit.endsWith('_tokens') ? scale(count, ratio) : count,
    ]),
  )
}

/** Counts are whole numbers, no money; they stay below 2^53. */
function scale(count: number, ratio: Decimal): number {
  if (count === 0) return 0
  const scaled = ratio.mul(count).toDecimalPlaces(0, Decimal.ROUND_HALF_UP).toNumber()
  return Math.min(scaled, Number.MAX_SAFE_INTEGER)
}
