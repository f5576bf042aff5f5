import { type OpenGrant, type Posting, paysFor } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { Rollover } from '../../core/plan.ts'
import { periodOf } from '../period.ts'
import { burnOrder } from './burn-down.ts'

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

/** How much of what is left is carried over. */
export function carried(ended: readonly OpenGrant[], { max, min = '0' }: Rollover): Decimal {
  const left = ended.reduce((sum, { remaining }) => sum.plus(remaining), ZERO)
  return Decimal.min(max, Decimal.max(min, left))
}

/**
 * Carries what is left of grants that end over into a new one: no more than `max`, no less than `min`, the missing
 * issued anew. Where the rule says so, the overage of the period is paid out of it. What is not carried is left to
 * expire.
 *
 * @param ended the rule's grants whose period ends
 * @param overage of that period, not paid yet
 * @returns none where the new grant would get nothing
 */
export function rollOver(
  ended: readonly OpenGrant[],
  rollover: Rollover,
  overage: Decimal,
  grantId: string,
): readonly Posting[] {
  const wanted = carried(ended, rollover)
  const destination = `grant:${grantId}` as const
  const postings: Posting[] = []
  let rest = wanted
  const take = (source: Posting['source'], available: Decimal) => {
    const amount = Decimal.min(rest, available)
    if (!amount.greaterThan(0)) return
    rest = rest.minus(amount)
    postings.push({ source, destination, amount, reverses: null })
  }
  for (const grant of ended.toSorted(burnOrder)) take(`grant:${grant.grantId}`, grant.remaining)
  take('issued', rest)
  const paid = rollover.carry_overage ? Decimal.min(wanted, overage) : ZERO
  if (paid.greaterThan(0)) {
    postings.push({ source: destination, destination: 'overage', amount: paid, reverses: null })
  }
  return postings
}

/** The grants of a rule that end at an instant with something left. */
export function endedBy(grants: readonly OpenGrant[], rule: string, at: number): readonly OpenGrant[] {
  return grants.filter(
    (grant) =>
      grant.rule === rule &&
      grant.expiresAt === at &&
      paysFor(grant, at - 1) &&
      grant.remaining.greaterThan(0),
  )
}
