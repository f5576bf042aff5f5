import { type OpenGrant, type Posting, paysFor } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { Rollover } from '../../core/plan.ts'
import { burnOrder } from './burn-down.ts'

/** Starts that are told apart among what is carried over; two years of months. What began before is told as the oldest. */
export const ROLLED_STARTS_MAX = 24

/** A grant of the new period that is to hold what goes on of the grants of one start. */
export interface RolledGrant {
  /** The start of what it holds, so of the first usage it pays for. Microseconds since 1970. */
  readonly effectiveAt: number
  readonly amount: Decimal
  readonly takes: readonly { readonly source: Posting['source']; readonly amount: Decimal }[]
  /** What of it pays overage at once. */
  readonly paid: Decimal
}

/**
 * Carries what is left of grants that end over into new ones: no more than `max` together, no less than `min`, the
 * missing issued anew. What would burn last goes on first, so it is the oldest that is left to expire: usage takes the
 * oldest, too, so it makes no difference which of both came first. There is a new grant for each start, because credits
 * that went on are still good for usage of every period they came through. Where the rule says so, the overage of the
 * period that ended is paid out of them.
 *
 * @param ended the rule's grants whose period ends
 * @param overage of that period, not paid yet
 * @param start of that period; what is issued anew is good from then on
 * @returns in the order they burn in; none where nothing goes on
 */
export function rollOver(
  ended: readonly OpenGrant[],
  { max, min = '0', carry_overage }: Rollover,
  overage: Decimal,
  start: number,
): readonly RolledGrant[] {
  const takes: { source: Posting['source']; effectiveAt: number; amount: Decimal }[] = []
  let rest = new Decimal(max)
  for (const { grantId, effectiveAt, remaining } of ended.toSorted(burnOrder).reverse()) {
    const amount = Decimal.min(rest, remaining)
    if (!amount.greaterThan(0)) continue
    rest = rest.minus(amount)
    takes.push({ source: `grant:${grantId}`, effectiveAt: effectiveAt ?? start, amount })
  }
  takes.reverse()
  const missing = new Decimal(min).minus(max).plus(rest)
  if (missing.greaterThan(0)) takes.push({ source: 'issued', effectiveAt: start, amount: missing })
  let unpaid = carry_overage ? overage : ZERO
  return [...byStart(takes)].map(([effectiveAt, parts]) => {
    const amount = parts.reduce((sum, part) => sum.plus(part.amount), ZERO)
    const paid = Decimal.min(amount, unpaid)
    unpaid = unpaid.minus(paid)
    return { effectiveAt, amount, takes: parts, paid }
  })
}

/** The postings of a rollover: all credits into the grants, then the overage out of them. */
export function rolloverPostings(
  rolled: readonly (RolledGrant & { readonly grantId: string })[],
): readonly Posting[] {
  const into = rolled.flatMap(({ grantId, takes }) =>
    takes.map(({ source, amount }) => ({
      source,
      destination: `grant:${grantId}` as const,
      amount,
      reverses: null,
    })),
  )
  const paid = rolled
    .filter((each) => each.paid.greaterThan(0))
    .map(({ grantId, paid: amount }) => ({
      source: `grant:${grantId}` as const,
      destination: 'overage' as const,
      amount,
      reverses: null,
    }))
  return [...into, ...paid]
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

/** The oldest first. */
function byStart<Take extends { readonly effectiveAt: number }>(
  takes: readonly Take[],
): ReadonlyMap<number, readonly Take[]> {
  const starts = [...new Set(takes.map(({ effectiveAt }) => effectiveAt))]
    .sort((a, b) => a - b)
    .slice(-ROLLED_STARTS_MAX)
  const oldest = starts[0]!
  const parts = new Map(starts.map((start): [number, Take[]] => [start, []]))
  for (const take of takes) parts.get(Math.max(take.effectiveAt, oldest))!.push(take)
  return parts
}
