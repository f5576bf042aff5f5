/** What a customer pays: a list of meters, each with a price model. Amounts and quantities are decimal text. */

/** What can be counted on an event. */
export const METERS = [
  'input_tokens',
  'uncached_input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'reasoning_steps',
  'tool_calls',
  'model_calls',
  'embedding_tokens',
  'session_seconds',
  'traces',
  'cogs',
] as const
export type Meter = (typeof METERS)[number]

export const PRICE_MODELS = ['per_unit', 'cost_plus'] as const
export type PriceModel = (typeof PRICE_MODELS)[number]

/** Narrows a meter. Each field is a glob (`claude-*`); an absent field matches everything. */
export interface MeterFilter {
  readonly model?: string
  readonly provider?: string
  readonly tool?: string
  readonly agent?: string
  readonly product?: string
}

interface PricedMeter {
  readonly filter?: MeterFilter
}

/** `unit_price` per `per` units (default 1). */
export interface PerUnitMeter extends PricedMeter {
  readonly model: 'per_unit'
  readonly meter: Exclude<Meter, 'cogs'>
  readonly unit_price: string
  readonly per?: string
}

/** Cost of goods plus `markup_pct` percent. */
export interface CostPlusMeter extends PricedMeter {
  readonly model: 'cost_plus'
  readonly meter: 'cogs'
  readonly markup_pct: string
}

export type PlanMeter = PerUnitMeter | CostPlusMeter

/** A plan as its author writes it. Where two meters match the same quantity, the first in the list has it. */
export interface Plan {
  /** ISO 4217. */
  readonly currency: string
  /** Money of one credit, for plans that speak of credits. */
  readonly credit_rate?: string
  readonly meters: readonly PlanMeter[]
}

/** A plan as it was at some instant. A body that differs makes the next version; none is ever changed. */
export interface PlanVersion {
  readonly planId: string
  readonly version: number
  readonly plan: Plan
}
