/** Cost of goods: what the provider charges us. */

/** Meters that count tokens. All others are fees: they cost the same in every service tier and region. */
const COUNTING_TOKENS = [
  'input_uncached',
  'cache_read',
  'cache_write',
  'cache_write_1h',
  'output',
  'reasoning',
  'embedding',
  'input_audio',
  'cache_read_audio',
  'output_audio',
  'input_image',
  'cache_read_image',
  'output_image',
  'input_video',
  'output_video',
  'citation',
] as const

/**
 * Disjoint billed quantities of a model call, and tool calls. A row of the price book prices one of them. Audio, image,
 * video and citation tokens are part of the call's input or output and priced by splitting the bucket they are part of.
 */
export const COST_METERS = [
  ...COUNTING_TOKENS,
  'request',
  'web_search',
  'web_search_preview',
  'x_search',
  'file_search',
  'collection_search',
  'attachment_search',
  'code_execution',
  'code_session',
  'container_second',
  'search_unit',
  'page',
  'annotated_page',
  'image',
  'character',
  'input_audio_second',
  'output_audio_second',
  'video_second',
  'tool_call',
  'tool_second',
] as const
export type CostMeter = (typeof COST_METERS)[number]

export const TOKEN_METERS: ReadonlySet<CostMeter> = new Set(COUNTING_TOKENS)

/** Who says so. A contract beats an override, an override beats the catalogue. */
export const BOOKS = ['contract', 'override', 'custom', 'catalogue'] as const
export type Book = (typeof BOOKS)[number]

/**
 * What a unit of a price is. Quantities are billed as they are counted, but for `request`: there a model call that used
 * the thing at all is billed once, however often it did.
 */
export const FEE_BASES = [
  'token',
  'call',
  'request',
  'second',
  'search_unit',
  'gb_day',
  'container_hour',
] as const
export type FeeBasis = (typeof FEE_BASES)[number]

/**
 * Hours at which a price counts, on the clock of `tz` (an IANA name): from `from` up to and not including `to` (`HH:MM`;
 * `to` before `from` goes past midnight and belongs to the day it began). `weekdays` are ISO's: 1 is Monday.
 */
export interface PriceSchedule {
  readonly tz: string
  readonly weekdays: readonly number[]
  readonly from: string
  readonly to: string
}
