import type { BudgetUnit } from './budget.ts'

/** The answer to "may this call run?", and what is asked. Names are those of the wire. */

export type Verdict = 'allow' | 'warn' | 'throttle' | 'deny'

/**
 *  within_budget     every budget that applies has room          soft_limit  some soft limit or warn threshold is passed
 *  throttled         too many calls for a budget that is nearly used up
 *  budget_exhausted  a hard limit has no room for the call       wallet_empty  no credits are left
 *  margin_floor      the margin fell below its floor             killed  somebody stopped the session, agent or customer
 *  unknown_customer  there is no such customer                   unpriced  a hold is wanted of a model without a price
 *  stale             the centre is away, and the budget is closed then
 */
export const REASONS = [
  'within_budget',
  'soft_limit',
  'throttled',
  'budget_exhausted',
  'wallet_empty',
  'margin_floor',
  'killed',
  'unknown_customer',
  'unpriced',
  'stale',
] as const
export type Reason = (typeof REASONS)[number]

/** `live`: what the centre says now. `lease`: out of an amount that the centre granted. `last_known`: the centre is away. */
export type Source = 'live' | 'lease' | 'last_known'

/** Who can be stopped. */
export const KILL_KINDS = ['session', 'agent', 'customer'] as const
export type KillKind = (typeof KILL_KINDS)[number]

/** The most a call may use. Decimal text; what is absent is not bounded by the caller. */
export interface Estimate {
  readonly input_tokens?: string
  readonly max_output_tokens?: string
  readonly tool_calls?: string
  /** Default 1; more are work. */
  readonly model_calls?: string
}

export interface CheckRequest {
  readonly customer: string
  readonly session?: string
  readonly product?: string
  readonly agent?: string
  readonly trace?: string
  /** When its trace began, or the event of its session: RFC 3339. The call counts in the month of that; absent: of now. */
  readonly started_at?: string
  readonly model?: string
  readonly estimate?: Estimate
  readonly reserve?: boolean
  /** The hold is for several model calls: it shrinks by each, and no span ends it. */
  readonly work?: boolean
  /** How long the hold lasts unless it is settled. */
  readonly ttl_ms?: number
  readonly idempotency_key?: string
}

export interface Decision {
  readonly decision: Verdict
  readonly reason: Reason
  /** The budget that decided, or the one with the least room. */
  readonly budget?: string
  /** Decimal text, in `unit`. */
  readonly remaining?: string
  readonly unit?: BudgetUnit
  readonly retry_after_ms?: number
  readonly hold_id?: string
  /** How the held amount was found: of the plan's dearest price, or as the budget states for unknown ones. */
  readonly held_by?: 'price' | 'estimate'
  /** A cheaper model that a margin floor hints at. */
  readonly hint_model?: string
  readonly source: Source
  readonly age_ms: number
}
