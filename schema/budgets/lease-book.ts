import type { Actual, CounterKey, HoldEnd, HoldEnded, HoldState, LeaseOrder } from '../../core/lease.ts'
import type { Amounts, RateCard } from '../../core/rate-card.ts'
import { leastOf, mostOf, type Scaled, scaled, wholeOf } from '../../core/scaled.ts'
import { actualAmounts, callsOf, outstandingOf } from './hold-actual.ts'

/*
 * What the centre decides about leases and holds, over rows that the caller has locked. Of each counter
 *
 *   leased = Σ amounts of its leases + Σ amounts that its holds hold
 *
 * A sidecar takes holds out of its lease and tells of them afterwards: then their amounts move from the lease to the
 * hold, and `leased` stays. An amount leaves `leased` when its hold ends, or when a lease is given back or runs out.
 */

/** A lease lasts so long unless it is renewed, by the clock of the sidecar from before it asked. */
export const LEASE_MS = 120_000
/** So much longer the centre waits before it takes back what is left. */
export const LEASE_GRACE_MS = 10_000
/** A hold that nobody ended holds so much longer. */
export const HOLD_GRACE_MS = 5_000
/** What a settled hold came to is held so long, or until its span arrives: until then it is in no counter. */
export const SETTLED_MS = 60_000
/** Beyond what is needed now a lease is at most this part of the room there is. */
const SPARE_SHARE = 8n

export interface BookCounter {
  readonly name: string
  readonly key: CounterKey
  /** Null: nothing to keep to, of a soft budget, a margin floor, or one that has ended. */
  readonly limit: Scaled | null
  /** It counts wholes: a part of one is of use to nobody, and not to be granted. */
  readonly isWhole: boolean
  readonly used: Scaled
  readonly usedCogs: Scaled | null
  leased: Scaled
}

export interface BookLease {
  readonly leaseId: string
  readonly counter: string
  readonly sidecarId: string
  amount: Scaled
  seq: number
  /** Milliseconds since 1970. */
  expiresAt: number
}

export interface BookTake {
  readonly counter: string
  readonly unit: keyof Amounts
  readonly taken: Scaled
  held: Scaled
}

export interface BookHold {
  readonly holdId: string
  state: HoldState
  settledBy: 'call' | 'span' | null
  late: boolean
  readonly takes: readonly BookTake[]
  readonly card: RateCard
  /** It is for several model calls: spans take theirs out of it, and none ends it. */
  readonly isWork: boolean
  actual: Actual | null
  /** What its spans have told of by now, of those of the trace that tells of most calls. */
  told: Actual | null
  /** What was used beyond what was taken, by counter. */
  over: Readonly<Record<string, Scaled>>
  expiresAt: number
}

/** Rows that are locked, by name. What a function changes in it is to be written. */
export interface LeaseBook {
  readonly counters: ReadonlyMap<string, BookCounter>
  /** By `leaseName`. */
  readonly leases: Map<string, BookLease>
  readonly holds: Map<string, BookHold>
}

export function counterName({ budgetId, counting, subject, windowStart }: CounterKey): string {
  return `${budgetId}\0${counting}\0${subject}\0${windowStart}`
}

export function leaseName(counter: string, sidecarId: string): string {
  return `${counter}\0${sidecarId}`
}

/** A hold as a sidecar tells of it, with the name of the counter and the unit of each amount. */
export interface ToldHold {
  readonly holdId: string
  readonly takes: readonly {
    readonly counter: string
    readonly unit: keyof Amounts
    readonly leaseId: string | null
    readonly amount: Scaled
  }[]
  readonly card: RateCard
  readonly isWork?: boolean
  readonly msLeft: number
  readonly end: HoldEnd | null
}

/** What a sidecar tells at once, with the names of counters. */
export interface Told {
  readonly sidecarId: string
  readonly seq: number
  readonly holds: readonly ToldHold[]
  readonly ends: readonly HoldEnd[]
  readonly orders: readonly (LeaseOrder & { readonly name: string })[]
}

/**
 * Takes in what a sidecar tells: holds first, then how others ended, then its orders for leases, which have what was
 * freed by then.
 *
 * @param newLeaseId makes the id of a lease that is new
 * @returns how holds ended, those that are told of first; and a lease, or none, for each order
 */
export function takeIn(
  book: LeaseBook,
  told: Told,
  newLeaseId: () => string,
  now: number,
): {
  readonly ends: readonly (HoldEnded | { readonly holdId: string; readonly state: null })[]
  readonly leases: readonly (BookLease | null)[]
} {
  const noted = told.holds.map((hold) => noteHold(book, told.sidecarId, hold, now))
  const ends = [
    ...noted.filter((_, i) => told.holds[i]!.end !== null),
    ...told.ends.map((end) => endHold(book, end, now) ?? { holdId: end.holdId, state: null }),
  ]
  const { sidecarId, seq } = told
  const leases = told.orders.map((order) => {
    return grant(book, { sidecarId, seq, newLeaseId: newLeaseId() }, order, now)
  })
  return { ends, leases }
}

/**
 * Notes a hold that a sidecar took: its amounts move from the lease to the hold. Told again it is nothing new. Where its
 * span was here before it, it ends at once. What was taken of a lease that is no more holds nothing; nor does a hold whose
 * time is over, and the lease keeps its amount, unless its span was counted: what is used is not to be taken again.
 */
function noteHold(book: LeaseBook, sidecarId: string, told: ToldHold, now: number): HoldEnded {
  const known = book.holds.get(told.holdId)
  if (known && !isMark(known)) return told.end ? endHold(book, told.end, now)! : ended(known)
  const isExpired = told.msLeft + HOLD_GRACE_MS <= 0
  const takes = told.takes.map(({ counter, unit, leaseId, amount }): BookTake => {
    const lease = book.leases.get(leaseName(counter, sidecarId))
    const held = (isExpired && !known) || lease?.leaseId !== leaseId ? 0n : leastOf(amount, lease!.amount)
    if (held > 0n) lease!.amount -= held
    return { counter, unit, taken: amount, held }
  })
  const hold = addHold(book, told, takes, now)
  return told.end ? endHold(book, told.end, now)! : ended(hold)
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

/** Ends what nobody ended in time: holds, and leases whose sidecar did not come back. */
export function endOverdue(book: LeaseBook, now: number): void {
  for (const hold of book.holds.values()) {
    if (hold.expiresAt > now) continue
    if (hold.state === 'active') hold.state = 'expired'
    free(book, hold, () => 0n)
  }
  for (const [name, lease] of book.leases) {
    if (lease.expiresAt + LEASE_GRACE_MS > now) continue
    book.counters.get(lease.counter)!.leased -= lease.amount
    book.leases.delete(name)
  }
}

/**
 * Makes a lease as large as it is wished, as far as there is room: what is needed in any case, and beyond that a small
 * part of the room, so that others find some. Smaller it gets at once. An order that was overtaken changes nothing. The
 * room is what the newest limit leaves, whatever it was before; where there is none to keep to, of a budget that has ended or
 * is soft by now, a lease that is out only gets smaller.
 *
 * @param newLeaseId of the lease that is made where there is none
 */
function grant(
  book: LeaseBook,
  told: { readonly sidecarId: string; readonly seq: number; readonly newLeaseId: string },
  order: LeaseOrder & { readonly name: string },
  now: number,
): BookLease | null {
  const counter = book.counters.get(order.name)
  if (!counter) return null
  const name = leaseName(order.name, told.sidecarId)
  const lease = book.leases.get(name)
  if (lease && lease.seq > told.seq) return lease
  if (counter.limit === null && !lease) return null
  const before = lease?.amount ?? 0n
  const target = scaled(order.target)
  const room = counter.limit === null ? 0n : mostOf(counter.limit - counter.used - counter.leased, 0n)
  // An order that comes again finds some of what it needs in the lease: never more than the target is granted, or the same
  // order once more would take back what its sidecar was told it has.
  const wanted = target - before
  const wish = {
    wanted,
    need: leastOf(scaled(order.need), wanted),
    least: leastOf(scaled(order.least), wanted),
  }
  const amount = target <= before ? mostOf(target, 0n) : before + grantOf(room, before, wish, counter.isWhole)
  counter.leased += amount - before
  if (lease) {
    lease.amount = amount
    lease.seq = told.seq
    lease.expiresAt = now + LEASE_MS
    if (amount > 0n || target > 0n) return lease
    book.leases.delete(name)
    return null
  }
  if (amount === 0n) return null
  const made = {
    leaseId: told.newLeaseId,
    counter: order.name,
    sidecarId: told.sidecarId,
    amount,
    seq: told.seq,
    expiresAt: now + LEASE_MS,
  }
  book.leases.set(name, made)
  return made
}

/**
 * How much of the room a lease gets that has `before`: what it needs now, or all there is where that is less and would
 * help. To spare it has at most a small part of what nobody else has, and of what
 * is counted only wholes.
 */
export function grantOf(
  room: Scaled,
  before: Scaled,
  { wanted, need, least }: { readonly wanted: Scaled; readonly need: Scaled; readonly least: Scaled },
  isWhole: boolean,
): Scaled {
  const beyond = (enough: Scaled, most: Scaled) => enough + (isWhole ? wholeOf(most - enough) : most - enough)
  if (room < need) return room >= least ? beyond(least, room) : 0n
  const spare = mostOf((room + before) / SPARE_SHARE - before, 0n)
  return beyond(need, mostOf(need, leastOf(wanted, leastOf(spare, room))))
}

const NO_CARD: RateCard = { price: null, cogs: null, credits: null, contextTokens: null }

function free(book: LeaseBook, hold: BookHold, keep: (take: BookTake) => Scaled): void {
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
