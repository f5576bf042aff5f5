import type { Exchange, ExchangeReply, HoldEnd, LeaseGrant, LeaseOrder } from '../../core/lease.ts'
import { leastOf, type Scaled, scaled } from '../../core/scaled.ts'
import { counterName } from '../../schema/budgets/lease-book.ts'
import { needOf } from '../deciding/decide.ts'
import type { Counter } from '../view/counter.ts'
import { orderOf, type SidecarState } from './lease-order.ts'
import { type HoldOrder, type OpenHold, type OpenTake, recordsOf } from './open-hold.ts'

/** Holds that the centre has not heard of: at more nothing is held any more until it hears. */
export const UNTOLD_HOLDS_MAX = 50_000
/** Holds, ends and orders of one message each. */
export const TOLD_AT_ONCE_MAX = 500

/** Leases of a unit: how many, what they have, and what of it untold holds have taken. */
export interface LeaseSums {
  readonly count: number
  readonly amount: Scaled
  readonly held: Scaled
}

/**
 * The holds of one tenant in one sidecar. They are taken out of leases in memory, all or none, and told to the centre
 * afterwards; one message is under way at a time, and is sent again until it is answered. Time is an argument:
 * milliseconds of a monotonic clock.
 *
 * A lease's `amount` is what the centre thinks it is, less nothing: what our untold holds have `held` of it is part of
 * it. When they are told, both shrink. A hold whose time is over keeps what it has until then: whether its span was counted,
 * and with that the amount used, only the centre knows.
 */
export class HoldBook {
  readonly sidecarId: string
  readonly #untold = new Map<string, OpenHold>()
  readonly #ends: HoldEnd[] = []
  /** Counters with a lease, or that somebody needs one of. */
  readonly #leased = new Set<Counter>()
  #seq = 0
  /** Holds, and ends, and orders of the next message: fewer while the centre cannot take one of them. */
  #atOnce = TOLD_AT_ONCE_MAX
  #underWay: UnderWay | null = null

  constructor(sidecarId: string) {
    this.sidecarId = sidecarId
  }

  get untold(): number {
    return this.#untold.size + this.#ends.length + (this.#underWay?.holds.length ?? 0)
  }

  get hasLeases(): boolean {
    return this.#leased.size > 0
  }

  /** Adds up, by unit, the leases that have not run out. */
  addLeases(to: Map<string, LeaseSums>, now: number): void {
    for (const { lease, terms } of this.#leased) {
      if (lease === null || now >= lease.until) continue
      const { count, amount, held } = to.get(terms.unit) ?? { count: 0, amount: 0n, held: 0n }
      to.set(terms.unit, { count: count + 1, amount: amount + lease.amount, held: held + lease.held })
    }
  }

  get isUnderWay(): boolean {
    return this.#underWay !== null
  }

  /** Of the message under way. */
  get underWaySeq(): number | null {
    return this.#underWay?.seq ?? null
  }

  /** Whether there is something to tell, or a lease to order. */
  get isWaiting(): boolean {
    if (this.#untold.size > 0 || this.#ends.length > 0) return true
    for (const counter of this.#leased) if (counter.needed > 0n || counter.isRecalled) return true
    return false
  }

  /** A hold that the centre does not know of for sure. */
  find(holdId: string): OpenHold | undefined {
    return this.#untold.get(holdId) ?? this.#underWay?.holds.find((hold) => hold.holdId === holdId)
  }

  /**
   * Takes a hold of every counter that applies, or of none. `short`: some lease does not reach; `want` it.
   *
   * @param isOpen the centre is away: budgets that are open then need no lease
   */
  take(order: HoldOrder, isOpen: boolean, now: number): OpenHold | 'short' | 'full' {
    if (this.untold >= UNTOLD_HOLDS_MAX) return 'full'
    const takes: OpenTake[] = []
    let isEstimated = false
    for (const counter of order.counters) {
      if (!counter.isLeased) continue
      const amount = needOf(counter, order.need) ?? 0n
      const own = counter.terms.unit === 'margin_pct' ? 0n : order.need.amounts[counter.terms.unit]
      if (amount !== own || !order.need.isComplete) isEstimated = true
      if (amount === 0n) continue
      const { lease } = counter
      if (counter.freeAt(now) >= amount) takes.push({ counter, leaseId: lease!.leaseId, amount })
      else if (isOpen && counter.terms.onOutage === 'open') takes.push({ counter, leaseId: null, amount })
      else return 'short'
    }
    for (const { counter, leaseId, amount } of takes) {
      if (leaseId === null) continue
      counter.lease!.held += amount
      counter.taken += amount
      counter.lastTakenAt = now
    }
    const { holdId, spender, model, card, isWork = false, expiresAt } = order
    const heldBy = isEstimated ? 'estimate' : 'price'
    const hold: OpenHold = { holdId, spender, model, heldBy, card, isWork, takes, expiresAt, end: null }
    this.#untold.set(holdId, hold)
    return hold
  }

  /**
   * Until when the leases of a hold that was just taken last. If that is before the hold ends, it counts once the centre
   * has heard of it, and is heard of no later: of what was taken of a lease that is no more nothing is held.
   */
  coveredUntil({ takes }: OpenHold): number {
    let until = Number.POSITIVE_INFINITY
    for (const { counter, leaseId } of takes) {
      if (leaseId !== null) until = Math.min(until, counter.lease!.until)
    }
    return until
  }

  /** Orders leases that reach, with the next message. */
  want({ counters, need }: Pick<HoldOrder, 'counters' | 'need'>, now: number): void {
    for (const counter of counters) {
      if (!counter.isLeased) continue
      const amount = needOf(counter, need) ?? 0n
      if (amount === 0n || counter.freeAt(now) >= counter.needed + amount) continue
      counter.needed += amount
      counter.leastNeeded = counter.leastNeeded === 0n ? amount : leastOf(counter.leastNeeded, amount)
      this.#pin(counter)
    }
  }

  /**
   * Lets go of what no hold has taken of the leases of budgets of which something was changed; null: nobody knows of which.
   * It is given back with the next message.
   */
  recall(budgetIds: readonly string[] | null): void {
    const ids = budgetIds && new Set(budgetIds)
    for (const counter of this.#leased) if (ids?.has(counter.terms.budgetId) ?? true) counter.recall()
  }

  /** Ends a hold with the next message. */
  end(end: HoldEnd): void {
    const hold = this.#untold.get(end.holdId)
    if (!hold) this.#ends.push(end)
    else hold.end ??= end
  }

  /** What is to be sent now: the message under way again, or the next one. Null: nothing. */
  message(now: number, state: SidecarState = {}): Exchange | null {
    this.#underWay ??= this.#next(now, state)
    const told = this.#underWay
    if (!told) return null
    const holds = recordsOf(told.holds, now)
    return { sidecarId: this.sidecarId, seq: told.seq, holds, ends: told.ends, orders: told.orders }
  }

  /**
   * The centre has answered the message under way.
   * @param sentAt when it was sent, or sent again: leases last from then
   */
  answered(reply: ExchangeReply, sentAt: number): void {
    const told = this.#underWay
    if (!told) return
    this.#underWay = null
    this.#atOnce = Math.min(this.#atOnce * 2, TOLD_AT_ONCE_MAX)
    for (const counter of told.counters.values()) counter.isAsked = false
    for (const hold of told.holds) {
      for (const take of hold.takes) {
        const { lease } = take.counter
        if (lease && lease.leaseId === take.leaseId) lease.held -= take.amount
      }
    }
    for (const standing of reply.standings) {
      const counter = told.counters.get(counterName(standing.counter))
      counter?.learn(standing, sentAt)
    }
    for (const grant of reply.grants)
      this.#granted(told.counters.get(counterName(grant.counter))!, grant, sentAt)
    // Recalled while the message was under way, or by what its answer says of the limit.
    for (const counter of told.counters.values()) {
      if (counter.lease === null) counter.isRecalled = false
      else if (counter.isRecalled) counter.recall()
    }
  }

  /**
   * The centre cannot take the message under way: all of it is to be told again, half as much at once, so that what it cannot
   * take is found and the rest gets through. False: there was one thing in it alone.
   */
  tellLess(): boolean {
    const told = this.#underWay
    if (!told) return false
    const { holds, ends, orders } = told
    const most = Math.max(holds.length, ends.length, orders.length)
    if (most <= 1 && this.#atOnce === 1) return false
    this.#underWay = null
    this.#atOnce = Math.max(Math.floor(most / 2), 1)
    for (const counter of told.counters.values()) counter.isAsked = false
    for (const counter of told.recalled) counter.recall()
    this.#ends.unshift(...ends)
    const again = new Map(holds.map((hold) => [hold.holdId, hold]))
    for (const hold of holds) this.#untold.set(hold.holdId, hold)
    // An end that came meanwhile must not be told before its hold.
    for (const end of this.#ends.splice(0)) {
      const hold = again.get(end.holdId)
      if (hold) hold.end ??= end
      else this.#ends.push(end)
    }
    return true
  }

  /** The centre will never take the message under way. What it was about is not ours any more. */
  dropped(): void {
    for (const counter of this.#underWay?.counters.values() ?? []) {
      counter.isAsked = false
      counter.lease = null
      this.#unpin(counter)
    }
    this.#underWay = null
  }

  #granted(counter: Counter, { leaseId, amount, msValid }: LeaseGrant, sentAt: number): void {
    counter.returning = 0n
    if (leaseId === null) {
      counter.lease = null
    } else if (counter.lease?.leaseId === leaseId) {
      counter.lease.amount = scaled(amount)
      counter.lease.until = sentAt + msValid
    } else {
      counter.lease = { leaseId, amount: scaled(amount), held: 0n, until: sentAt + msValid }
    }
    if (counter.lease === null && counter.needed === 0n) this.#unpin(counter)
  }

  #next(now: number, state: SidecarState): UnderWay | null {
    const holds = this.#nextHolds()
    const isAlone = this.#atOnce === 1
    const ends = this.#ends.splice(0, isAlone && holds.length > 0 ? 0 : this.#atOnce)
    const ordersMax = isAlone && holds.length + ends.length > 0 ? 0 : this.#atOnce
    const counters = new Map<string, Counter>()
    const toldOf = new Map<Counter, Scaled>()
    for (const { takes } of holds) {
      for (const { counter, leaseId, amount } of takes) {
        counters.set(counter.name, counter)
        if (leaseId !== null) this.#pin(counter)
        if (leaseId !== null && counter.lease?.leaseId === leaseId) {
          toldOf.set(counter, (toldOf.get(counter) ?? 0n) + amount)
        }
      }
    }
    const orders: LeaseOrder[] = []
    const recalled: Counter[] = []
    for (const counter of this.#neededFirst()) {
      const isTold = toldOf.has(counter) || counters.has(counter.name)
      if (orders.length >= ordersMax && !isTold) continue
      if (counter.isRecalled) recalled.push(counter)
      const order = orderOf(counter, toldOf.get(counter) ?? 0n, now, state, isTold)
      if (!order) {
        if (counter.lease === null) this.#unpin(counter)
        continue
      }
      counters.set(counter.name, counter)
      orders.push(order)
    }
    if (holds.length === 0 && ends.length === 0 && orders.length === 0) return null
    for (const counter of counters.values()) counter.isAsked = true
    this.#seq += 1
    return { seq: this.#seq, holds, ends, orders, counters, recalled }
  }

  #nextHolds(): OpenHold[] {
    if (this.#untold.size <= this.#atOnce) {
      const all = [...this.#untold.values()]
      this.#untold.clear()
      return all
    }
    const holds: OpenHold[] = []
    for (const hold of this.#untold.values()) {
      if (holds.length === this.#atOnce) break
      holds.push(hold)
      this.#untold.delete(hold.holdId)
    }
    return holds
  }

  /** Somebody waits for what is needed, or recalled; what is given back, or renewed ahead, goes with a later message if it must. */
  *#neededFirst(): Generator<Counter> {
    const others: Counter[] = []
    for (const counter of this.#leased) {
      if (counter.needed > 0n || counter.isRecalled) yield counter
      else others.push(counter)
    }
    yield* others
  }

  #pin(counter: Counter): void {
    counter.isPinned = true
    this.#leased.add(counter)
  }

  #unpin(counter: Counter): void {
    counter.isPinned = false
    this.#leased.delete(counter)
  }
}

interface UnderWay {
  readonly seq: number
  readonly holds: readonly OpenHold[]
  readonly ends: readonly HoldEnd[]
  readonly orders: readonly LeaseOrder[]
  /** That it is about, by key. */
  readonly counters: ReadonlyMap<string, Counter>
  /** Those of them whose leases it gives back because they were recalled. */
  readonly recalled: readonly Counter[]
}
