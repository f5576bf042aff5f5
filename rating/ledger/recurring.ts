import { periodOf } from '../period.ts'

/** A subscription of one customer. */
export interface Subscribed {
  readonly subscriptionId: string
  readonly planId: string
  readonly timezone: string
  readonly anchorDay: number
  /** Microseconds since 1970. */
  readonly effectiveFrom: number
}

/** What is at an instant at which recurring grants are made. Instants are microseconds since 1970. */
export interface Boundary {
  /** Null: the customer is on no plan then. */
  readonly current: Subscribed | null
  /** The end of the period that the instant is in. */
  readonly periodEnd: number | null
  /** The next instant of this kind: that end, or where another subscription takes over before it. Null: never. */
  readonly next: number | null
}

/**
 * Looks at a start of a period: one that the subscription's anchor and time zone have, or where a subscription begins
 * within one.
 *
 * @param subscriptions of one customer, the one that takes precedence first: later effective, later recorded
 */
export function boundaryAt(subscriptions: readonly Subscribed[], at: number): Boundary {
  const current = subscriptions.find(({ effectiveFrom }) => effectiveFrom <= at) ?? null
  const coming = subscriptions.map(({ effectiveFrom }) => effectiveFrom).filter((from) => from > at)
  const taken = coming.length === 0 ? null : Math.min(...coming)
  if (current === null) return { current, periodEnd: null, next: taken }
  const periodEnd = periodOf(Math.floor(at / 1000), current.timezone, current.anchorDay).end * 1000
  return { current, periodEnd, next: taken === null ? periodEnd : Math.min(taken, periodEnd) }
}
