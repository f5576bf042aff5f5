import { shortName } from './short-name.ts'

/** Budgets: how much of something may be used by whom in which window. Amounts are decimal text. */

/**
 * What a budget limits. `price`, `credits`: what the customer is charged; `cogs`: what providers charge us; `tokens`:
 * input and output. `margin_pct` is a floor: its limit is the least share of the price that must be left over COGS.
 */
export const BUDGET_UNITS = [
  'price',
  'cogs',
  'credits',
  'tokens',
  'model_calls',
  'tool_calls',
  'reasoning_steps',
  'margin_pct',
] as const
export type BudgetUnit = (typeof BUDGET_UNITS)[number]
/** Units that are counted: nobody uses half of one. */
export const COUNT_UNITS: ReadonlySet<string> = new Set([
  'tokens',
  'model_calls',
  'tool_calls',
  'reasoning_steps',
])

/**
 * `month`: the customer's billing month, in its time zone; of usage without a subscription the calendar month in UTC.
 * `day`, `hour`: rolling, the last 24 hours or 60 minutes. `session`, `trace`: each one has the limit for itself.
 */
export const BUDGET_WINDOWS = ['lifetime', 'month', 'day', 'hour', 'session', 'trace'] as const
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number]

/** Beyond a `hard` limit calls are denied, beyond a `soft` one they are warned about. */
export const BUDGET_MODES = ['hard', 'soft'] as const
export type BudgetMode = (typeof BUDGET_MODES)[number]

/**
 * What a sidecar answers while the centre is away: `closed` denies, `open` allows, `bounded` allows as far as what it
 * leased reaches.
 */
export const OUTAGES = ['closed', 'open', 'bounded'] as const
export type Outage = (typeof OUTAGES)[number]

/** Whose usage counts. Null or absent: everybody's, together. `*`: each one's apart, with the whole limit. */
export interface BudgetScope {
  readonly customer?: string | null
  readonly product?: string | null
  readonly agent?: string | null
  readonly session?: string | null
}
export const SCOPE_FIELDS = ['customer', 'product', 'agent', 'session'] as const

/** From `at` (a share of the limit) on, calls are let through at most so often. */
export interface Throttle {
  readonly at: string
  readonly per_second: string
}

/** A budget as its author writes it. */
export interface Budget {
  readonly scope: BudgetScope
  readonly unit: BudgetUnit
  /** `balance`: the customer's credits, for `unit: credits` and `window: lifetime`. */
  readonly limit: string
  readonly window: BudgetWindow
  readonly mode: BudgetMode
  /** Shares of the limit at which calls are warned about. */
  readonly warn_at?: readonly string[]
  readonly throttle?: Throttle
  /** Default `bounded`. */
  readonly on_outage?: Outage
  /** What a call is held to cost where its model has no known price, in the budget's unit. */
  readonly estimate?: string
  /** Of a margin floor: the model to hint at, and the price below which there is too little to judge. */
  readonly hint_model?: string
  readonly floor_after?: string
}

/** Of a budget as of a version: `counting` is the version since which scope, unit and window are what they are. */
export interface BudgetVersion {
  readonly budgetId: string
  readonly version: number
  readonly counting: number
  readonly budget: Budget
}

/** What a piece of work has used, in every unit at once. */
export interface Spend<Amount> {
  readonly price: Amount
  readonly cogs: Amount
  readonly credits: Amount
  readonly tokens: Amount
  readonly modelCalls: Amount
  readonly toolCalls: Amount
  readonly reasoningSteps: Amount
}

/** Who used it. */
export interface Spender {
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  readonly session: string | null
  /** 32 hex digits; null for work that has no trace yet. */
  readonly trace: string | null
}

/** Bytes of a subject: it is part of keys, and a row of PostgreSQL's indexes has 2,704 for all of one. */
export const SUBJECT_BYTES_MAX = 2_048
/** A text of so many characters is never longer. */
const SUBJECT_CHARS_SURE = Math.floor(SUBJECT_BYTES_MAX / 3)
/** Of each value of a longer one: five of them escaped, six bytes for a character, are within the bound. */
const VALUE_CHARS_MAX = 64

/**
 * The subject of the budget's counter that a spender's usage goes to: the values that are counted apart, as JSON text.
 * Where that would be too long for a key, long values are cut, and end in a hash. Null: the budget is not about him.
 */
export function subjectOf(budget: Pick<Budget, 'scope' | 'window'>, spender: Spender): string | null {
  const apart: string[] = []
  for (const field of SCOPE_FIELDS) {
    const wanted = budget.scope[field] ?? null
    if (wanted === null) continue
    const actual = spender[field]
    if (actual === null || (wanted !== '*' && wanted !== actual)) return null
    if (wanted === '*') apart.push(actual)
  }
  if (budget.window === 'session' || budget.window === 'trace') {
    const one = spender[budget.window]
    if (one === null) return null
    apart.push(one)
  }
  const subject = JSON.stringify(apart)
  if (subject.length <= SUBJECT_CHARS_SURE || Buffer.byteLength(subject) <= SUBJECT_BYTES_MAX) return subject
  return JSON.stringify(apart.map((value) => shortName(value, VALUE_CHARS_MAX)))
}

/** What a subject's values are of: what the budget counts apart, by name. */
export function subjectFields(
  budget: Pick<Budget, 'scope' | 'window'>,
  subject: string,
): Record<string, string> {
  const apart: string[] = SCOPE_FIELDS.filter((field) => budget.scope[field] === '*')
  if (budget.window === 'session' || budget.window === 'trace') apart.push(budget.window)
  const values = JSON.parse(subject) as readonly string[]
  return Object.fromEntries(apart.map((field, i) => [field, values[i]!]))
}
