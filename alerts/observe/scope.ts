import { ALERT_WINDOW_MS, type AlertRule, type AlertScopeField } from '../../core/alert.ts'

/** Whose lines a rule looks at, and what they are told apart by. */
export interface ScopeTerms {
  readonly field: AlertScopeField | null
  /** One value alone; null: each apart, or all together where there is no field. */
  readonly only: string | null
}

/** The scope of a rule as terms; without one, the whole tenant. */
export function scopeOf({ scope = {} }: AlertRule): ScopeTerms {
  const [first] = Object.entries(scope) as [AlertScopeField, string][]
  if (first === undefined) return { field: null, only: null }
  const [field, value] = first
  return { field, only: value === '*' ? null : value }
}

/** `{"customer": "acme"}`; nothing of the whole tenant. */
export function aboutOf({ field }: ScopeTerms, key: string): Readonly<Record<string, string>> {
  return field === null ? {} : { [field]: key }
}

/** The column of the lines that a field is in. What belongs to nobody is in no one's sums. */
const COLUMN: Readonly<Record<AlertScopeField, string>> = {
  customer: 'customer_id',
  product: 'product_id',
  model: 'model',
}

/** SQL for the value that subjects are told apart by; one and the same for all where there is no field. */
export function keyColumn({ field }: ScopeTerms): string {
  return field === null ? `''` : COLUMN[field]
}

/** Where the window of a rule begins. */
export function windowStart({ window }: AlertRule, now: Date): string {
  return new Date(now.getTime() - ALERT_WINDOW_MS[window!]).toISOString()
}
