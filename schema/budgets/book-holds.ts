import type { Actual, HoldEnd, HoldEnded } from '../../core/lease.ts'
import type { RateCard } from '../../core/rate-card.ts'
import { leastOf, mostOf, type Scaled } from '../../core/scaled.ts'
import { actualAmounts, callsOf, outstandingOf } from './hold-actual.ts'
import { type BookHold, type BookTake, type LeaseBook, leaseName, type ToldHold } from './lease-book.ts'

/** A hold that nobody ended holds so much longer. */
export const HOLD_GRACE_MS = 5_000
/** What a settled hold came to is held so long, or until its span arrives: until then it is in no counter. */
export const SETTLED_MS = 60_000
/**
 * Notes a hold that a sidecar took: its amounts move from the lease to the hold. Told again it is nothing new. Where its
 * span was here before it, it ends at once. What was taken of a lease that is no more holds nothing; nor does a hold whose
 * time is over, and the lease keeps its amount, unless its span was counted: what is used is not to be taken again.
 */
export function noteHold(book: LeaseBook, sidecarId: string, told: ToldHold, now: number): void {
  const known = book.holds.get(told.holdId)
  if (known && !isMark(known)) return
  const isExpired = told.msLeft + HOLD_GRACE_MS <= 0
  const takes = told.takes.map(({ counter, unit, leaseId, amount }): BookTake => {
    const lease = book.leases.get(leaseName(counter, sidecarId))
    const held = (isExpired && !known) || lease?.leaseId !== leaseId ? 0n : leastOf(amount, lease!.amount)
    if (held > 0n) lease!.amount -= held
    return { counter, unit, taken: amount, held }
  })
  addHold(book, told, takes, now)
}

/** A span was here before its hold, and left this. */
export function isMark({ settledBy, takes }: BookHold): boolean {
  return settledBy === 'span' && takes.length === 0
}

/** Adds a hold that is new. Where its span was here before it, it ends at once. */
export function addHold(book: LeaseBook, told: ToldHold, takes: readonly BookTake[], now: number): BookHold {
  const mark = book.holds.get(told.holdId)
  const hold: BookHold = {
    holdId: told.holdId,
    state: told.msLeft + HOLD_GRACE_MS <= 0 ? 'expired' : 'active',
    settledBy: null,
    late: false,
    takes,
    card: told.card,
    isWork: told.isWork ?? false,
    actual: null,
    told: null,
    over: {},
    expiresAt: now + told.msLeft + HOLD_GRACE_MS,
  }
  book.holds.set(hold.holdId, hold)
  if (mark) endBySpan(book, told.holdId, mark.told, now)
  return hold
}

/**
 * Ends a hold by call. Settled: it shrinks to the actual, the rest is free, and the actual is held until its span
 * arrives. Released: all of it is free. What has ended before keeps its first end. A settlement that comes late takes
 * what was used again, as far as it had been held, whether or not there is room: it was used. Null: there is no such hold.
 */
export function endHold(book: LeaseBook, end: HoldEnd, now: number): HoldEnded | null {
  const hold = book.holds.get(end.holdId)
  if (!hold) return null
  if (hold.state === 'settled' || (hold.state === 'released' && end.actual === null)) {
    if (hold.actual === null && end.actual !== null) noteActual(hold, end.actual)
    return ended(hold)
  }
  if (end.actual === null) {
    if (hold.state === 'expired') return { ...ended(hold), late: true }
    hold.state = 'released'
    free(book, hold, () => 0n)
    return ended(hold)
  }
  const late = hold.state !== 'active'
  noteActual(hold, end.actual)
  hold.state = 'settled'
  hold.settledBy = 'call'
  hold.late = late
  hold.expiresAt = now + SETTLED_MS
  hasLittleTime(hold, now)
  if (late) takeAgain(book, hold)
  else free(book, hold, outstandingOf(hold))
  return ended(hold)
}

/**
 * Spans of a hold were counted: what they tell is in `used` now, and no longer held. The first model call ends the hold;
 * of work it takes its part. A tool takes its part too, and a span that tells of neither, as a wrapper's, takes nothing: the
 * call may still run. Spans that are here before their hold leave a mark.
 *
 * @param actual what the spans under it tell by now; null: nothing yet. Of several tellings the largest is compared
 */
export function endBySpan(book: LeaseBook, holdId: string, actual: Actual | null, now: number): void {
  if (actual === null) return
  const hold = book.holds.get(holdId)
  if (!hold) {
    const nothing = { takes: [], card: NO_CARD, isWork: false, actual, told: actual, over: {} }
    book.holds.set(holdId, {
      holdId,
      state: 'settled',
      settledBy: 'span',
      late: false,
      expiresAt: now,
      ...nothing,
    })
    return
  }
  if (hold.told === null || callsOf(actual) >= callsOf(hold.told)) hold.told = actual
  noteOver(hold, actual)
  const isUsed = !hold.isWork && callsOf(hold.told) > 0n
  if (hold.state !== 'active' || isUsed) {
    if (hold.settledBy === null) {
      hold.settledBy = 'span'
      hold.late = hold.state !== 'active'
    }
    if (hold.settledBy === 'span') hold.actual = hold.told
    hold.state = 'settled'
    hasLittleTime(hold, now)
  }
  free(book, hold, isUsed || hold.settledBy === 'span' ? () => 0n : outstandingOf(hold))
}

/** Work that is over has told of most of its calls, and nobody knows which is the last: the rest is not held for long. */
function hasLittleTime(hold: BookHold, now: number): void {
  if (!hold.isWork || hold.told === null || Object.keys(hold.actual ?? {}).length > 0) return
  hold.expiresAt = Math.min(hold.expiresAt, now + HOLD_GRACE_MS)
}

const NO_CARD: RateCard = { price: null, cogs: null, credits: null, contextTokens: null }

/** Holds less: of each take what `keep` says of it. */
export function free(book: LeaseBook, hold: BookHold, keep: (take: BookTake) => Scaled): void {
  for (const take of hold.takes) {
    if (take.held === 0n) continue
    const kept = leastOf(take.held, keep(take))
    const counter = book.counters.get(take.counter)
    if (!counter) throw new Error(`the counter of hold ${hold.holdId} is not locked`)
    counter.leased -= take.held - kept
    take.held = kept
  }
}

/** Holds what a call that is over came to, though its hold was free already. A budget that has ended has no counter. */
function takeAgain(book: LeaseBook, hold: BookHold): void {
  const known = actualAmounts(hold.card, hold.actual!)
  const outstanding = outstandingOf(hold)
  for (const take of hold.takes) {
    const counter = book.counters.get(take.counter)
    if (!counter || known[take.unit] === undefined) continue
    const due = outstanding(take)
    counter.leased += due - take.held
    take.held = due
  }
}

/** What was told first stays. */
function noteActual(hold: BookHold, actual: Actual): void {
  hold.actual ??= actual
  noteOver(hold, actual)
}

/** Of what is beyond, the most counts. */
function noteOver(hold: BookHold, actual: Actual): void {
  const amounts = actualAmounts(hold.card, actual)
  const over = { ...hold.over }
  for (const { counter, unit, taken } of hold.takes) {
    const used = amounts[unit]
    if (used !== undefined && used > taken) over[counter] = mostOf(over[counter] ?? 0n, used - taken)
  }
  hold.over = over
}

function ended({ holdId, state, late, takes, over }: BookHold): HoldEnded {
  return { holdId, state, late, over: takes.filter(({ counter }) => counter in over).map(({ unit }) => unit) }
}
