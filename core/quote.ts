import type { Decimal } from './money.ts'
import type { Meter, MeterFilter, Plan } from './plan.ts'

/** What usage would cost that nobody has used. */
export interface QuoteRequest {
  readonly plan: Plan
  /**
   * Quantities by meter, as an event tells of its usage: `input_tokens` includes cache reads and writes,
   * `output_tokens` includes reasoning.
   */
  readonly usage: Readonly<Partial<Record<Meter, Decimal>>>
  /** What the usage is of. A field that is not stated passes every filter on it. */
  readonly of: Readonly<MeterFilter>
  /** What the customer's period has counted already, by place of the meter; null: the usage is a period's whole. */
  readonly before: readonly { readonly meterNo: number; readonly quantity: Decimal }[] | null
}

export interface QuoteLine {
  readonly meterNo: number
  readonly meter: Meter
  readonly quantity: Decimal
  /** What the meter stood at. */
  readonly from: Decimal
  /** What events with this usage are charged. */
  readonly amount: Decimal
}

/** What the API is given of the rating, so that a quote and a charge come from one engine. */
export interface Pricing {
  /** Checks a plan; throws `invalid_argument` with a fault per field. */
  readonly parsePlan: (body: unknown) => Plan
  /** Throws `invalid_argument` where a part of a quantity is more than the whole. */
  readonly quote: (request: QuoteRequest) => Quote
  /** The billing period of an instant; milliseconds since 1970. */
  readonly periodOf: (
    instant: number,
    timezone: string,
    anchorDay: number,
  ) => { readonly start: number; readonly end: number }
}

/** Something that a period owes beside the charges of its events. */
export interface PeriodAdjustment {
  readonly kind:
    | 'standing'
    | 'proration'
    | 'capacity'
    | 'commitment_overage'
    | 'commitment_true_up'
    | 'maximum'
    | 'minimum'
  /** The meter it is due for; null: the plan as a whole. */
  readonly meterNo: number | null
  readonly amount: Decimal
}

export interface Quote {
  /** By how much the period gets dearer: the lines and the adjustments. */
  readonly price: Decimal
  /** The same as an invoice has it, each line rounded to the currency. */
  readonly invoiced: Decimal
  /** The lines alone, in credits; null where the plan does not speak of them. */
  readonly credits: Decimal | null
  readonly lines: readonly QuoteLine[]
  /** By how much the period's adjustments change. */
  readonly adjustments: readonly PeriodAdjustment[]
  /** Usage that no meter of the plan counts. */
  readonly uncharged: readonly { readonly meter: Meter; readonly quantity: Decimal }[]
}
