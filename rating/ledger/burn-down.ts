import { type Debit, type OpenGrant, type Posting, paysFor, reclaim } from '../../core/credits.ts'
import { Decimal } from '../../core/money.ts'

/**
 * Takes credits for usage of an instant from the grants that are good for it, in the order of `burnOrder`: one posting
 * per grant. What they lack is overage.
 *
 * @param amount above zero
 * @param at of the usage, microseconds since 1970
 */
export function burnDown(grants: readonly OpenGrant[], amount: Decimal, at: number): readonly Posting[] {
  const postings: Posting[] = []
  let rest = amount
  const take = (source: Posting['source'], available: Decimal) => {
    const taken = Decimal.min(rest, available)
    if (!taken.greaterThan(0)) return
    rest = rest.minus(taken)
    postings.push({ source, destination: 'usage', amount: taken, reverses: null })
  }
  for (const grant of grants.filter((each) => paysFor(each, at)).sort(burnOrder)) {
    take(`grant:${grant.grantId}`, grant.remaining)
    take(`breakage:${grant.grantId}`, grant.broken)
  }
  take('overage', rest)
  return postings
}

/**
 * Gives credits back to where they came from, the last ones taken first. What no debit is left for lowers the overage.
 *
 * @param debits in the order they were recorded in
 * @param amount above zero
 */
export function unwind(debits: readonly Debit[], amount: Decimal): readonly Posting[] {
  const postings: Posting[] = []
  let rest = amount
  for (const { entryNo, source, left } of debits.toReversed()) {
    const returned = Decimal.min(rest, left)
    if (!returned.greaterThan(0)) continue
    rest = rest.minus(returned)
    postings.push({ source: 'usage', destination: source, amount: returned, reverses: entryNo })
  }
  if (rest.greaterThan(0)) {
    postings.push({ source: 'usage', destination: 'overage', amount: rest, reverses: null })
  }
  return postings
}

/**
 * What is left of a grant whose expiry has come is breakage, and what came back to one that is void goes back to where
 * it was issued; null where nothing is to be booked.
 */
export function expire(grant: OpenGrant, now: number): Posting | null {
  if (grant.isVoid) return reclaim(grant)[0] ?? null
  if (grant.expiresAt === null || grant.expiresAt > now || !grant.remaining.greaterThan(0)) return null
  const { grantId, remaining } = grant
  return {
    source: `grant:${grantId}`,
    destination: `breakage:${grantId}`,
    amount: remaining,
    reverses: null,
  }
}

/** Priority, the earlier expiry, promo before paid, the earlier effective, the earlier recorded, the lower id. */
export function burnOrder(a: OpenGrant, b: OpenGrant): number {
  return (
    a.priority - b.priority ||
    compare(a.expiresAt ?? Number.POSITIVE_INFINITY, b.expiresAt ?? Number.POSITIVE_INFINITY) ||
    compare(a.kind === 'promo' ? 0 : 1, b.kind === 'promo' ? 0 : 1) ||
    compare(a.effectiveAt ?? a.recordedAt, b.effectiveAt ?? b.recordedAt) ||
    compare(a.recordedAt, b.recordedAt) ||
    compare(BigInt(a.grantId), BigInt(b.grantId))
  )
}

/** Infinity less itself is no number, so this does not subtract. */
function compare(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
