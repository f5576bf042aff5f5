/** What a customer pays: a list of meters, each with a price model. Amounts and quantities are decimal text. */

import type { GrantKind } from './credits.ts'

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

export const PRICE_MODELS = ['per_unit', 'graduated', 'volume', 'package', 'cost_plus', 'flat'] as const

/** What a part of a `per` or of a package counts for: its part, a whole one, the nearest (half is a whole), nothing. */
export const ROUNDINGS = ['none', 'up', 'nearest', 'down'] as const
export type Rounding = (typeof ROUNDINGS)[number]

/** Whether a quantity of exactly `up_to` is in that tier or in the next. */
export const TIER_BOUNDARIES = ['inclusive', 'exclusive'] as const
export type TierBoundary = (typeof TIER_BOUNDARIES)[number]

/** Whether a period without usage owes a flat amount (of the first tier, of a flat fee) or nothing. */
export const ZERO_USAGES = ['nothing', 'flat'] as const
export type ZeroUsage = (typeof ZERO_USAGES)[number]

/** What a total below zero costs: as much as its opposite, taken back; or nothing. */
export const NEGATIVES = ['mirrored', 'zero'] as const
export type Negative = (typeof NEGATIVES)[number]

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
  /** Quantity of each period that is not charged: the price begins behind it. */
  readonly included?: string
  /** Default `mirrored`. */
  readonly negative?: Negative
}

type Counted = Exclude<Meter, 'cogs'>

/** `unit_price` per `per` units (default 1). */
export interface PerUnitMeter extends PricedMeter {
  readonly model: 'per_unit'
  readonly meter: Counted
  readonly unit_price: string
  readonly per?: string
  /** Default `none`. */
  readonly rounding?: Rounding
}

/** From the end of the tier before to `up_to`; null: without end. `flat` is due once the tier is reached. */
export interface Tier {
  readonly up_to: string | null
  readonly unit_price: string
  readonly per?: string
  readonly flat?: string
}

/** `graduated`: each slice by its own tier. `volume`: the whole quantity by the tier it ends in. */
export interface TieredMeter extends PricedMeter {
  readonly model: 'graduated' | 'volume'
  readonly meter: Counted
  readonly tiers: readonly Tier[]
  /** Default `inclusive`. */
  readonly tier_boundary?: TierBoundary
  /** Default `nothing`. */
  readonly zero_usage?: ZeroUsage
  /** Of each tier's `per`. Default `none`. */
  readonly rounding?: Rounding
}

/** `package_price` for each begun `package_size`. */
export interface PackageMeter extends PricedMeter {
  readonly model: 'package'
  readonly meter: Counted
  readonly package_size: string
  readonly package_price: string
  /** Default `up`. */
  readonly rounding?: Rounding
}

/** Cost of goods plus `markup_pct` percent. */
export interface CostPlusMeter extends PricedMeter {
  readonly model: 'cost_plus'
  readonly meter: 'cogs'
  readonly markup_pct: string
}

/** One fee per period in which the meter counted anything. */
export interface FlatMeter extends PricedMeter {
  readonly model: 'flat'
  readonly meter: Counted
  readonly flat: string
  /** Default `nothing`; `flat`: the fee is due without usage too. */
  readonly zero_usage?: ZeroUsage
}

export type PlanMeter = PerUnitMeter | TieredMeter | PackageMeter | CostPlusMeter | FlatMeter

/** One fee for all quantities that it limits together; what is not limited may be as much as it likes. */
export interface CapacityTier {
  readonly limits: Readonly<Partial<Record<Counted, string>>>
  readonly price: string
}

/** A fee by the largest of several meters: that of the first tier whose limits, themselves included, hold for all. */
export interface Capacity {
  /** Each has limits no lower than the one before; the last has none. */
  readonly tiers: readonly CapacityTier[]
  /** Default `nothing`; `flat`: the first tier is due without usage too. */
  readonly zero_usage?: ZeroUsage
}

/** What a customer promised to use in a period. */
export interface Commitment {
  readonly amount: string
  /** Whether what was promised and not used is charged. Default true. */
  readonly true_up?: boolean
  /** Times the price of what is used beyond. Default 1. */
  readonly overage_factor?: string
}

/** What becomes of credits that are left when their period ends. */
export const GRANT_EXPIRIES = ['period_end', 'never'] as const

/** What is left at the end goes on into the next period: at least `min` (default 0), at most `max`. */
export interface Rollover {
  readonly max: string
  readonly min?: string
  /** Whether the overage of the period that ended is paid out of it first. Default false. */
  readonly carry_overage?: boolean
}

/** Credits that a customer gets at the start of each period. */
export interface RecurringGrant {
  /** Unique in the plan; what is left is carried over by it, also to another plan. */
  readonly name: string
  readonly amount: string
  /** Default `promo`: they come with the plan. */
  readonly kind?: GrantKind
  /** Lower burns first. Default 50. */
  readonly priority?: number
  /** Default `period_end`. */
  readonly expires?: (typeof GRANT_EXPIRIES)[number]
  readonly rollover?: Rollover
}

export const BILLINGS = ['money', 'credits'] as const
/** Whether part of a period owes its part of fees and bounds, by days, or the whole. */
export const PRORATIONS = ['day', 'none'] as const

/** A plan as its author writes it. Where two meters match the same quantity, the first in the list has it. */
export interface Plan {
  /** ISO 4217. */
  readonly currency: string
  /** Money of one credit, for plans that speak of credits. */
  readonly credit_rate?: string
  readonly meters: readonly PlanMeter[]
  /** `included` of the one meter of that name. */
  readonly included?: readonly { readonly meter: Meter; readonly quantity: string }[]
  /** Percent off every price of the meters; bounds and the commitment compare what is left. Default 0. */
  readonly discount_pct?: string
  /** Of a period. */
  readonly minimum?: string
  readonly maximum?: string
  readonly commitment?: Commitment
  readonly capacity?: Capacity
  /** Of flat fees, `capacity`, `minimum`, `maximum` and `commitment`. Default `day`. */
  readonly proration?: (typeof PRORATIONS)[number]
  /** Default `money`. `credits`: what is used is debited from grants, and only what they lack is billed. */
  readonly bill_as?: (typeof BILLINGS)[number]
  /** What a credit beyond the grants costs. Default: `credit_rate`. */
  readonly overage?: { readonly unit_price: string }
  /** Made at the start of each period of a subscription. */
  readonly grants?: readonly RecurringGrant[]
}
