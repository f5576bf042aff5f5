/** Alert rules: what is watched, and from where on somebody should know. Amounts are decimal text. */

/** Rising: which one a thing is in is never a matter of taste, only how far its value is. */
export const ALERT_STATES = ['ok', 'warn', 'block'] as const
export type AlertState = (typeof ALERT_STATES)[number]

/** `above`: a value at a threshold or above it is beyond; `below`: one that is less. */
export type Direction = 'above' | 'below'

/** What a kind of rule watches. */
export interface AlertKindFacts {
  readonly direction: Direction
  /** Whose value it may be: of a budget's counters, or of one of these, or of the tenant where none is named. */
  readonly of: 'budget' | readonly AlertScopeField[]
  /** Over which windows; none: what is so now. */
  readonly windows: readonly AlertWindow[]
}

export const ALERT_SCOPE_FIELDS = ['customer', 'product', 'model'] as const
export type AlertScopeField = (typeof ALERT_SCOPE_FIELDS)[number]

export const ALERT_WINDOWS = ['hour', 'day', 'week'] as const
export type AlertWindow = (typeof ALERT_WINDOWS)[number]
export const ALERT_WINDOW_MS: Readonly<Record<AlertWindow, number>> = {
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
}

export const ALERT_KIND_NAMES = [
  'quota',
  'budget_tripped',
  'wallet_low',
  'margin_below',
  'unpriced_share',
  'unmetered_share',
  'spend_anomaly',
] as const
export type AlertKind = (typeof ALERT_KIND_NAMES)[number]

export const ALERT_KINDS: Readonly<Record<AlertKind, AlertKindFacts>> = {
  quota: { direction: 'above', of: 'budget', windows: [] },
  budget_tripped: { direction: 'above', of: 'budget', windows: [] },
  wallet_low: { direction: 'below', of: ['customer'], windows: [] },
  margin_below: { direction: 'below', of: ALERT_SCOPE_FIELDS, windows: ALERT_WINDOWS },
  unpriced_share: { direction: 'above', of: ALERT_SCOPE_FIELDS, windows: ALERT_WINDOWS },
  unmetered_share: { direction: 'above', of: ['customer', 'product'], windows: ALERT_WINDOWS },
  spend_anomaly: { direction: 'above', of: ['customer', 'product'], windows: ['hour', 'day'] },
}

/** A rule as it is kept: whatever its author left out is filled in, so that it says the same for ever. */
export interface AlertRule {
  readonly kind: AlertKind
  /** An id, or `*` for every one. */
  readonly budget?: string
  /** A value, or `*` for each one apart; of one field at most. */
  readonly scope?: Readonly<Partial<Record<AlertScopeField, string>>>
  readonly window?: AlertWindow
  readonly spend?: 'price' | 'cogs'
  readonly warn?: string
  readonly block?: string
  /** How far back from a threshold the value must be before the state ends. */
  readonly clear_by: string
  /** With less revenue, calls or spend than that there is too little to judge. */
  readonly judge_from?: string
  /** A state lasts that long before a better one. */
  readonly least_seconds: number
  /** Between two messages of the rule. */
  readonly tell_seconds: number
  readonly kill: boolean
}
