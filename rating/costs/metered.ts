import type { ModelCall } from '../../core/assembly.ts'
import type { Part } from '../../core/event.ts'
import { Decimal, QUANTITY_SCALE } from '../../core/money.ts'
import type { CostMeter } from '../../core/price.ts'
import type { Quantity } from './cost-sums.ts'
import { type ModalTokens, splitModes } from './modes.ts'

/** A quantity of a call that a provider bills. */
export interface MeteredQuantity {
  readonly part: Part
  readonly tool: string | null
  readonly meter: string
  readonly quantity: Quantity
  /** How many requests it came of, for fees per request; null where that is not known. */
  readonly requests: Decimal | null
  /** Whether a row of the price book can speak of it; false: it has a cost that we cannot know. */
  readonly askable: boolean
}

/** Prompts answered with searches of which nobody says how many. */
export const GROUNDED_PROMPT = 'grounded_prompt'

const ONE = new Decimal(1)

const TOKEN_PARTS: readonly (readonly [keyof ModalTokens, CostMeter, Part])[] = [
  ['inputUncached', 'input_uncached', 'prompt'],
  ['inputAudio', 'input_audio', 'prompt'],
  ['inputImage', 'input_image', 'prompt'],
  ['inputVideo', 'input_video', 'prompt'],
  ['cacheRead', 'cache_read', 'prompt'],
  ['cacheReadAudio', 'cache_read_audio', 'prompt'],
  ['cacheReadImage', 'cache_read_image', 'prompt'],
  ['cacheWrite', 'cache_write', 'prompt'],
  ['cacheWrite1h', 'cache_write_1h', 'prompt'],
  ['outputText', 'output', 'output'],
  ['outputAudio', 'output_audio', 'output'],
  ['outputImage', 'output_image', 'output'],
  ['outputVideo', 'output_video', 'output'],
  ['citation', 'citation', 'output'],
  ['outputReasoning', 'reasoning', 'reasoning'],
]

/** Text that goes into an embedding request is one meter, cached or not. */
const EMBEDDED: ReadonlySet<CostMeter> = new Set([
  'input_uncached',
  'cache_read',
  'cache_write',
  'cache_write_1h',
])

/** The tokens of a call by meter, nothing in two of them. */
export function tokensOf(call: ModelCall): readonly MeteredQuantity[] {
  const tokens = splitModes(call.buckets, call.quantities)
  const metered: MeteredQuantity[] = []
  for (const [bucket, meter, part] of TOKEN_PARTS) {
    const count = tokens[bucket]
    if (count === 0) continue
    const embedding = call.kind === 'embedding' && EMBEDDED.has(meter)
    metered.push({
      part,
      tool: null,
      meter: embedding ? 'embedding' : meter,
      quantity: count,
      requests: null,
      askable: true,
    })
  }
  return metered
}

/** Fees beside tokens, by the unit a span states. */
const FEE_METERS: ReadonlyMap<string, CostMeter> = new Map([
  ['web_searches', 'web_search'],
  ['web_search_previews', 'web_search_preview'],
  ['x_searches', 'x_search'],
  ['file_searches', 'file_search'],
  ['collection_searches', 'collection_search'],
  ['attachment_searches', 'attachment_search'],
  ['code_executions', 'code_execution'],
  ['code_sessions', 'code_session'],
  ['container_seconds', 'container_second'],
  ['search_units', 'search_unit'],
  ['rerank_searches', 'search_unit'],
  ['pages', 'page'],
  ['annotated_pages', 'annotated_page'],
  ['images', 'image'],
  ['characters', 'character'],
  ['input_audio_seconds', 'input_audio_second'],
  ['output_audio_seconds', 'output_audio_second'],
  ['video_seconds', 'video_second'],
])

/** Fees of tools the provider runs; the others are of what went into the model or came out of it. */
const NO_TOOLS: ReadonlySet<string> = new Set([
  'search_unit',
  'page',
  'annotated_page',
  'image',
  'character',
  'input_audio_second',
  'output_audio_second',
  'video_second',
])

/**
 * Units that cost nothing beside the tokens they are part of. Any unit that is in neither list has a price that no row
 * can say yet, so it makes its event unpriced instead of too cheap.
 */
const PART_OF_TOKENS: ReadonlySet<string> = new Set([
  'accepted_prediction_tokens',
  'rejected_prediction_tokens',
  'input_text_tokens',
  'output_text_tokens',
  'tool_use_prompt_tokens',
  'web_fetches',
  'input_audio_tokens',
  'cache_read_audio_tokens',
  'output_audio_tokens',
  'input_image_tokens',
  'cache_read_image_tokens',
  'output_image_tokens',
  'input_video_tokens',
  'output_video_tokens',
  'citation_tokens',
])

/**
 * The fees of a call. Prompts that were grounded are told beside the searches they took: providers bill the one or the
 * other. Prompts alone leave the number of searches open.
 */
export function feesOf(call: ModelCall): readonly MeteredQuantity[] {
  if (isEmpty(call.quantities)) return NO_FEES
  const { web_searches: searches = 0, grounded_prompts: prompts = 0, ...others } = call.quantities
  const fees = Object.entries(searches > 0 ? { web_searches: searches, ...others } : others)
    .map(([unit, count]) => [unit, toQuantity(count)] as const)
    .filter(([unit, quantity]) => quantity.greaterThan(0) && !PART_OF_TOKENS.has(unit))
    .map(([unit, quantity]): MeteredQuantity => {
      const meter = FEE_METERS.get(unit)
      const isTool = meter !== undefined && !NO_TOOLS.has(meter)
      return {
        part: isTool ? 'tools' : unit.startsWith('output') ? 'output' : 'prompt',
        tool: isTool ? meter : null,
        meter: meter ?? unit,
        quantity,
        requests: requestsOf(call, unit === 'web_searches' ? prompts : 0),
        askable: meter !== undefined,
      }
    })
  if (prompts > 0 && searches <= 0) {
    const requests = toQuantity(prompts)
    fees.push({
      part: 'tools',
      tool: 'web_search',
      meter: GROUNDED_PROMPT,
      quantity: requests,
      requests,
      askable: true,
    })
  }
  return fees
}

/** In the digits in which it is kept: what it costs is what these cost. */
function toQuantity(count: number): Decimal {
  return new Decimal(String(count)).toDecimalPlaces(QUANTITY_SCALE)
}

const NO_FEES: readonly MeteredQuantity[] = []

/** As most calls are. */
function isEmpty(quantities: Readonly<Record<string, number>>): boolean {
  for (const _ in quantities) return false
  return true
}

/** A call is one request; of an agent's total nobody knows how many it was. */
function requestsOf(call: ModelCall, stated: number): Decimal | null {
  if (stated > 0) return toQuantity(stated)
  return call.granularity === 'wrapper' ? null : ONE
}
