import type { BudgetWindow } from '../../core/budget.ts'
import type { CheckRequest, Decision } from '../../core/decision.ts'

/** A header's name and value, as text. */
export type Header = readonly [name: string, value: string]

/** The whole of a budget: what may be used in its window. */
export interface Quota {
  readonly limit: string
  readonly window: BudgetWindow
}

/** Every header that may tell of a decision: a proxy that passes ours on lets nobody state them. */
export const TOLD_HEADERS = [
  'x-aforo-decision',
  'x-aforo-reason',
  'x-aforo-customer',
  'x-aforo-budget',
  'x-aforo-remaining',
  'x-aforo-unit',
  'x-aforo-hold-id',
  'x-aforo-hint-model',
] as const

/** Units that are counted one by one; RateLimit tells whole numbers only. */
const COUNTED: ReadonlySet<string> = new Set(['tokens', 'model_calls', 'tool_calls', 'reasoning_steps'])
const WINDOW_SECONDS: Partial<Record<BudgetWindow, number>> = { hour: 3_600, day: 86_400 }
const WHOLE_MAX = 999_999_999_999_999n
/** What a structured field's string may hold. */
const PRINTABLE = /^[\x20-\x7e]+$/
/** While the centre is away, it is worth trying again soon. */
const STALE_SECONDS = 1

/** Whether the call may run. */
export function lets({ decision }: Decision): boolean {
  return decision === 'allow' || decision === 'warn'
}

/** A decision for whoever is behind the proxy. */
export function toldHeaders(decision: Decision, { customer }: CheckRequest): Header[] {
  const headers: Header[] = [
    ['x-aforo-decision', decision.decision],
    ['x-aforo-reason', decision.reason],
    ['x-aforo-customer', customer],
  ]
  const add = (name: (typeof TOLD_HEADERS)[number], value: string | undefined) => {
    if (value !== undefined) headers.push([name, value])
  }
  add('x-aforo-budget', decision.budget)
  add('x-aforo-remaining', decision.remaining)
  add('x-aforo-unit', decision.unit)
  add('x-aforo-hold-id', decision.hold_id)
  add('x-aforo-hint-model', decision.hint_model)
  return headers
}

/** A decision for whoever is before the proxy: RateLimit as the IETF drafts it, and Retry-After. Seconds are rounded up. */
export function limitHeaders(decision: Decision, quota: Quota | null): Header[] {
  const { budget } = decision
  const remaining = countedOf(decision, decision.remaining)
  const wait = waitSeconds(decision)
  const headers: Header[] = wait === null ? [] : [['retry-after', String(wait)]]
  if (budget === undefined || remaining === null || !PRINTABLE.test(budget)) return headers
  const name = `"${budget.replace(/["\\]/g, '\\$&')}"`
  headers.push(['ratelimit', `${name};r=${whole(remaining)}${wait === null ? '' : `;t=${wait}`}`])
  const limit = countedOf(decision, quota?.limit)
  if (quota && limit !== null) {
    const seconds = WINDOW_SECONDS[quota.window]
    const window = seconds === undefined ? '' : `;w=${seconds}`
    headers.push(['ratelimit-policy', `${name};q=${whole(limit)}${window}`])
  }
  return headers
}

/** An amount of the decision's unit, rounded down, where it is counted one by one; else null. */
export function countedOf({ unit }: Decision, amount: string | undefined): bigint | null {
  if (amount === undefined || unit === undefined || !COUNTED.has(unit)) return null
  return BigInt(amount.split('.', 1)[0]!)
}

/** How long to wait before asking again, where that is known. */
export function waitSeconds({ reason, retry_after_ms: waitMs }: Decision): number | null {
  if (waitMs !== undefined) return Math.max(1, Math.ceil(waitMs / 1000))
  return reason === 'stale' ? STALE_SECONDS : null
}

/** Text as the bytes of its UTF-8, one character each: so Node writes headers, and proxies read and write them. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** The text whose UTF-8 a header holds. What is no UTF-8 gets a character that no name has by chance. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}

/** A whole number as large as a structured field can tell. */
function whole(count: bigint): string {
  return String(count > WHOLE_MAX ? WHOLE_MAX : count)
}
