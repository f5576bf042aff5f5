/** Cost of goods: what the provider charges us. */

/**
 * Disjoint billed quantities of a model call, and tool calls. A row of the price book prices one of them.
 * `input_audio` and the like are priced by splitting the bucket they are part of.
 */
export const COST_METERS = [
  'input_uncached',
  'cache_read',
  'cache_write',
  'cache_write_1h',
  'output',
  'reasoning',
  'embedding',
  'request',
  'web_search',
  'tool_call',
] as const
export type CostMeter = (typeof COST_METERS)[number]

/** Who says so. A contract beats an override, an override beats the catalogue. */
export const BOOKS = ['contract', 'override', 'custom', 'catalogue'] as const
export type Book = (typeof BOOKS)[number]

/**
 * One row of the price book: effective for usage in [effectiveFrom, effectiveTo), known since recordedAt.
 * Rows are never edited; a later row of the same key takes over from its own effective instant on.
 */
export interface PriceRow {
  readonly id: string
  readonly book: Book
  /** Provider as the catalogue names it (`openai`, `anthropic`, `google`); `tool` for what our tools cost us. */
  readonly provider: string
  /** The catalogue's model key, or the tool's name. */
  readonly model: string
  readonly meter: CostMeter
  readonly serviceTier: string
  readonly currency: string
  /** Decimal text: money for `per` units. */
  readonly unitPrice: string
  readonly per: string
  /** The price counts for calls whose whole input is above this many tokens; 0 for the base price. */
  readonly contextFrom: string
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
  readonly recordedAt: string
}
