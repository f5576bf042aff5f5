import type { ModelCall } from '../core/assembly.ts'
import type { Part } from '../core/event.ts'
import { Decimal } from '../core/money.ts'
import type { CostMeter } from '../core/price.ts'
import type { TokenBuckets } from '../core/usage.ts'

/** A quantity of a call that a provider bills. */
export interface MeteredQuantity {
  readonly part: Part
  readonly tool: string | null
  readonly meter: string
  readonly quantity: Decimal
  /** Whether a row of the price book can speak of it; false: it has a cost that we cannot know. */
  readonly askable: boolean
}

const BUCKET_METERS: readonly (readonly [keyof TokenBuckets, CostMeter, Part])[] = [
  ['inputUncached', 'input_uncached', 'prompt'],
  ['cacheRead', 'cache_read', 'prompt'],
  ['cacheWrite', 'cache_write', 'prompt'],
  ['cacheWrite1h', 'cache_write_1h', 'prompt'],
  ['outputText', 'output', 'output'],
  ['outputReasoning', 'reasoning', 'reasoning'],
]

/** The tokens of a call by meter; those of an embedding request are all one meter. */
export function tokensOf(call: ModelCall): readonly MeteredQuantity[] {
  return BUCKET_METERS.flatMap(([bucket, meter, part]) => {
    const tokens = call.buckets[bucket]
    if (tokens === 0) return []
    const embedding = call.kind === 'embedding' && part === 'prompt'
    const quantity = new Decimal(tokens)
    return [{ part, tool: null, meter: embedding ? 'embedding' : meter, quantity, askable: true }]
  })
}

/** Fees beside tokens, by the unit a span states. */
const FEE_METERS: ReadonlyMap<string, CostMeter> = new Map([['web_searches', 'web_search']])

/**
 * Units that cost nothing beside the tokens they are part of. Any other unit a span states has a price that no row
 * can say yet (audio, images, rerank units, …), so it makes its event unpriced instead of too cheap.
 */
const PART_OF_TOKENS: ReadonlySet<string> = new Set([
  'accepted_prediction_tokens',
  'rejected_prediction_tokens',
  'input_text_tokens',
  'output_text_tokens',
  'tool_use_prompt_tokens',
  'web_fetches',
])

export function feesOf(call: ModelCall): readonly MeteredQuantity[] {
  return Object.entries(call.quantities).flatMap(([unit, count]) => {
    if (count <= 0 || PART_OF_TOKENS.has(unit)) return []
    const meter = FEE_METERS.get(unit)
    const quantity = new Decimal(String(count))
    const part: Part = unit.startsWith('output') ? 'output' : meter ? 'tools' : 'prompt'
    return [{ part, tool: meter ?? null, meter: meter ?? unit, quantity, askable: meter !== undefined }]
  })
}
