import type { HoldRecord } from '../../core/lease.ts'
import { scaledText } from '../../core/scaled.ts'
import { needOf } from '../deciding/decide.ts'
import type { Counter } from '../view/counter.ts'
import { LEASE_IDLE_MS } from './lease-order.ts'
import type { HoldOrder } from './open-hold.ts'

/**
 * Whether a hold is the first one of a session or trace for a while. A lease for it would be given back unused: to have the
 * hold taken is one message in place of three, and three rows in place of seven.
 */
export function isFirstHold({ counters, need }: Pick<HoldOrder, 'counters' | 'need'>, now: number): boolean {
  return counters.some((counter) => {
    if (!counter.isLeased || !isOfOne(counter) || (needOf(counter, need) ?? 0n) === 0n) return false
    return counter.lease === null && counter.needed === 0n && now - counter.lastTakenAt >= LEASE_IDLE_MS
  })
}

/** The hold as the centre is asked for it. From now on whoever comes soon asks for leases of its counters. */
export function firstHold(order: HoldOrder, now: number): HoldRecord {
  const { holdId, spender, model, card, isWork, need } = order
  let isEstimated = false
  const takes = order.counters.flatMap((counter) => {
    if (!counter.isLeased) return []
    const amount = needOf(counter, need) ?? 0n
    const own = counter.terms.unit === 'margin_pct' ? 0n : need.amounts[counter.terms.unit]
    if (amount !== own || !need.isComplete) isEstimated = true
    if (amount === 0n) return []
    if (isOfOne(counter)) counter.lastTakenAt = now
    return [{ counter: counter.key, leaseId: null, amount: scaledText(amount) }]
  })
  return {
    holdId,
    spender,
    model,
    heldBy: isEstimated ? 'estimate' : 'price',
    card,
    ...(isWork && { isWork }),
    end: null,
    takes,
    msLeft: Math.ceil(order.expiresAt - now),
  }
}

/** Of one session or trace: others do not use it. */
function isOfOne({ terms: { scope, window } }: Counter): boolean {
  return scope.session === '*' || window === 'session' || window === 'trace'
}
