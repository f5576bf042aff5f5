import type { LeaseOrder } from '../../core/lease.ts'
import { mostOf, type Scaled, scaledText, wholeOf } from '../../core/scaled.ts'
import type { Counter, Lease } from '../view/counter.ts'

/** A lease nobody took of for so long is given back. */
export const LEASE_IDLE_MS = 2_000
/** A lease with less time left than this is renewed. */
const LEASE_RENEW_MS = 75_000
/** What was taken since the message before, so many times, is kept ready. */
const SPARE = 4n
/** A lease with so many times more than that is made smaller. */
const MUCH = 4n

/** Of who sends a message: whether it is the last one, and whether nobody has answered the one before. */
export interface SidecarState {
  readonly isLeaving?: boolean
  readonly isAway?: boolean
}

/**
 * What a lease should be after what is told has left it: what untold holds have of it, what is needed, and some to spare
 * for the pace of late. What is given back is not used from now on.
 */
export function orderOf(
  counter: Counter,
  told: Scaled,
  now: number,
  { isLeaving = false, isAway = false }: SidecarState,
  isTold: boolean,
): LeaseOrder | null {
  const { lease } = counter
  if (lease && lease.until <= now && lease.held === told) {
    counter.lease = null
    counter.returning = 0n
  }
  // What is given back while nobody hears of it is of use to nobody.
  const isIdle = isLeaving || (!isAway && now - counter.lastTakenAt >= LEASE_IDLE_MS)
  const slowed = counter.terms.isWhole ? wholeOf(counter.pace / 2n) : counter.pace / 2n
  counter.pace = isIdle ? 0n : mostOf(counter.taken, slowed)
  counter.taken = 0n
  const { needed, leastNeeded } = counter
  counter.needed = 0n
  counter.leastNeeded = 0n
  const current = counter.lease
  const kept = (current?.held ?? 0n) - told
  if (counter.isRecalled) {
    counter.isRecalled = false
    // What is needed is ordered afterwards: out of what is recalled nothing may be left.
    if (current) return { ...orderedOf(counter, current), target: scaledText(kept), need: '0', least: '0' }
  }
  const free = current ? current.amount - current.held : 0n
  const spare = isIdle ? 0n : counter.pace * SPARE
  const isDue = current !== null && current.until - now < LEASE_RENEW_MS && (current.amount > 0n || !isIdle)
  const isGivenBack = current !== null && isIdle && (free > 0n || kept === 0n)
  const isShort = needed > free
  if (!isTold && !isDue && !isGivenBack && !isShort) return null
  const enough = needed + spare
  const isMuch = !isIdle && !isAway && free > enough * MUCH
  const wanted = isIdle || isMuch ? enough : mostOf(enough, free)
  const target = kept + wanted
  if (current && target + told < current.amount) {
    // It is on its way back: nobody has it.
    counter.leased -= current.amount - target - told
    current.amount = target + told
  }
  const short = (amount: Scaled) => scaledText(mostOf(amount - free, 0n))
  return {
    ...orderedOf(counter, current),
    target: scaledText(target),
    need: short(needed),
    least: short(leastNeeded),
  }
}

function orderedOf({ key }: Counter, lease: Lease | null): Pick<LeaseOrder, 'counter' | 'leaseId'> {
  return { counter: key, leaseId: lease?.leaseId ?? null }
}
