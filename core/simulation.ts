import type { TenantId } from './ids.ts'
import type { Plan } from './plan.ts'

/** A plan to try: one that is written out, or a version of a stored one; without a number the one that counts now. */
export type PlanChoice =
  | { readonly body: Plan }
  | { readonly planId: string; readonly version: number | null }

/** Another model for calls of the models that `pattern` names, as a glob over what ran or the price book's name of it. */
export interface ModelSwitch {
  readonly pattern: string
  /** OpenTelemetry's name; null: the vendor that the catalogue sees in the model's name. */
  readonly provider: string | null
  readonly model: string
}

/** The real events of a span of time, and what is to be otherwise. It goes from thread to thread as it is. */
export interface SimulationOrder {
  readonly tenantId: TenantId
  /** RFC 3339, bounds of the events' time; `to` is not included. */
  readonly from: string
  readonly to: string
  /** The instant at which plans without a version are looked up and prices are known. */
  readonly now: string
  /** For everybody who is not given one of his own; null: the plans they are on. */
  readonly plan: PlanChoice | null
  /** Who is looked at; null: everybody. */
  readonly customers: readonly { readonly customer: string; readonly plan: PlanChoice | null }[] | null
  /** The first that names a model counts. */
  readonly switches: readonly ModelSwitch[]
  /** Tokens of a switched call per token it had: one decimal text, or the least and the most. */
  readonly tokenRatios: readonly [string] | readonly [string, string]
  /** Percent that every `cost_plus` meter adds instead of its own; null: its own. */
  readonly markupPct: string | null
  /** More events than this are refused; null: as many as there are. */
  readonly eventsMax: number | null
}

/** Amounts are decimal text. */
export interface SimulatedSide {
  readonly revenue: string
  /** Of it: what events are charged. */
  readonly charges: string
  /** Of it: what is due with the periods that end within the span. */
  readonly adjustments: string
  /** Null while some cost is unknown. */
  readonly cogs: string | null
  readonly cogs_known: string
  readonly margin: string | null
  readonly margin_pct: string | null
  readonly calls: number
  readonly unpriced_calls: number
}

export interface SimulatedChange {
  readonly before: SimulatedSide
  /** At the one token ratio, or the least. */
  readonly after: SimulatedSide
  /** At the most, where a range was given. */
  readonly after_high?: SimulatedSide
  /** Revenue after less revenue before. */
  readonly revenue_change: string
  readonly revenue_change_high?: string
}

export interface Simulation {
  readonly events: number
  /** Events that nobody can be charged for: they have a cost and no revenue, before and after. */
  readonly unattributed_events: number
  /** Calls of which nobody knows what they used. */
  readonly unmetered_calls: number
  /** Revisions that wait to be rated: not looked at. */
  readonly pending_revisions: number
  readonly totals: SimulatedChange
  /** What is booked for the same events, and what `totals.before.charges` and `cogs_known` have beyond it. */
  readonly booked: {
    readonly charges: string
    readonly charges_difference: string
    readonly cogs: string
    readonly cogs_difference: string
  }
  /** Who pays more comes first. Null: whom nobody can charge for. */
  readonly customers: readonly (SimulatedChange & { readonly customer: string | null })[]
  /** Null: what belongs to no model. */
  readonly models: readonly (SimulatedChange & {
    readonly provider: string | null
    readonly model: string | null
  })[]
  /** Which models became which. */
  readonly switched: readonly {
    readonly provider: string | null
    readonly model: string | null
    readonly to_provider: string | null
    readonly to_model: string
    readonly calls: number
  }[]
}

/** Runs a simulation; `signal` stops it and its queries. */
export type Simulate = (order: SimulationOrder, signal: AbortSignal) => Promise<Simulation>

/** Customers of one simulation, with and without usage. */
export const SIMULATION_CUSTOMERS_MAX = 20_000
/** Longest span of a simulation. */
export const SIMULATION_DAYS_MAX = 400
/** Events of a simulation that somebody waits for over REST; `aforo simulate` has no such bound. */
export const SIMULATION_EVENTS_MAX = 1_000_000
