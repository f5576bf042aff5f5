import type { CounterKey, CounterStanding } from '../../core/lease.ts'
import { type Scaled, scaled, scaledText, shareOf } from '../../core/scaled.ts'
import type { Terms } from './terms.ts'

/** What the centre lets us hold of a counter without asking. Instants are milliseconds of our own monotonic clock. */
export interface Lease {
  readonly leaseId: string
  /** In all, and what of it our holds have taken that the centre has not heard of yet. */
  amount: Scaled
  held: Scaled
  /** We use it no longer than this. */
  until: number
}

/** Calls that may go through at once while a budget is nearly used up. */
const BURST = 1

/** A counter of the centre as we know it, and what of it is ours. It lives as long as somebody asks about it. */
export class Counter {
  readonly name: string
  readonly key: CounterKey
  #terms: Terms
  #limit: Scaled
  /** Amounts at which the budget warns and throttles; null: it does not. */
  warnFrom: Scaled | null = null
  throttleFrom: Scaled | null = null
  usedCogs: Scaled | null = null
  /** The budget has ended, or counts anew under another number. */
  hasEnded = false
  /** Of what we were told of it. */
  version = -1
  /** When it was read, by our clock. */
  readAt = Number.NEGATIVE_INFINITY
  lease: Lease | null = null
  /** A message about it is under way: what the centre told before is older than its answer. */
  isAsked = false
  /** Who needs more of it than we have, for the next message: in all, and the least of them. */
  needed: Scaled = 0n
  leastNeeded: Scaled = 0n
  /** What was taken since the last message, and what lately was in one. */
  taken: Scaled = 0n
  pace: Scaled = 0n
  lastTakenAt = Number.NEGATIVE_INFINITY
  /** Spenders that are remembered with it, and since when there are none. */
  refs = 0
  forgottenAt: number | null = null
  /** There is a lease of it, or one is ordered. */
  isPinned = false
  /** What nobody holds of our lease is not ours any more, and goes back with the next message. */
  isRecalled = false
  #used: Scaled = 0n
  #leased: Scaled = 0n
  #returning: Scaled = 0n
  /** Room without what is free of our lease; null: something of it has changed. */
  #others: Scaled | null = null
  #tokens = BURST
  #filledAt = Number.NEGATIVE_INFINITY
  #toldRoom: Scaled | null = null
  #toldText = ''

  constructor(name: string, key: CounterKey, terms: Terms, limit: Scaled) {
    this.name = name
    this.key = key
    this.#terms = terms
    this.#limit = limit
    this.#weigh()
  }

  get terms(): Terms {
    return this.#terms
  }

  set terms(terms: Terms) {
    if (terms === this.#terms) return
    this.#terms = terms
    this.#weigh()
  }

  get limit(): Scaled {
    return this.#limit
  }

  set limit(limit: Scaled) {
    if (limit === this.#limit) return
    this.#limit = limit
    this.#others = null
    this.#weigh()
  }

  get used(): Scaled {
    return this.#used
  }

  set used(used: Scaled) {
    this.#used = used
    this.#others = null
  }

  /** Given out to everybody, us included, and held. */
  get leased(): Scaled {
    return this.#leased
  }

  set leased(leased: Scaled) {
    this.#leased = leased
    this.#others = null
  }

  /** What of our lease was recalled and is on its way back: until that is heard the centre counts it as given out. */
  get returning(): Scaled {
    return this.#returning
  }

  set returning(returning: Scaled) {
    this.#returning = returning
    this.#others = null
  }

  /** Shares of the limit are worked out when it changes, not with every check. */
  #weigh(): void {
    const { warnAt, throttleAt } = this.#terms
    this.warnFrom = warnAt === null ? null : shareOf(this.#limit, warnAt)
    this.throttleFrom = throttleAt === null ? null : shareOf(this.#limit, throttleAt)
  }

  /** Whether a hold must have an amount of it granted. */
  get isLeased(): boolean {
    return this.terms.mode === 'hard' && this.terms.unit !== 'margin_pct'
  }

  /** Takes in how it stands, unless something newer was told before. False: it was. */
  learn({ version, used, usedCogs, leased, limit }: CounterStanding, readAt: number): boolean {
    if (version < this.version || (version === this.version && readAt < this.readAt)) return false
    this.hearLimit(limit)
    this.version = version
    this.used = scaled(used)
    this.usedCogs = usedCogs === null ? null : scaled(usedCogs)
    this.leased = scaled(leased)
    if (limit !== null) this.limit = scaled(limit)
    this.readAt = readAt
    return true
  }

  /** Null: the budget is over. A lower one than we knew recalls our lease. */
  hearLimit(limit: string | null): void {
    if (limit === null) this.hasEnded = true
    if (limit === null || scaled(limit) < this.#limit) this.recall()
  }

  /**
   * Lets go of what nobody holds of our lease, for it was granted under another limit. Of what is granted by a message that
   * is under way nobody knows under which: it goes back too (`HoldBook.answered`).
   */
  recall(): void {
    const { lease } = this
    if (lease !== null || this.isAsked) this.isRecalled = true
    if (lease === null) return
    this.returning += lease.amount - lease.held
    lease.amount = lease.held
  }

  /** What of our lease nobody holds; nothing once it has run out. */
  freeAt(now: number): Scaled {
    const { lease } = this
    return lease && now < lease.until ? lease.amount - lease.held : 0n
  }

  /** What is left for us: the limit less what is used, held, and given to others. May be below zero. */
  roomAt(now: number): Scaled {
    this.#others ??= this.#limit - this.#used - this.#leased + this.#returning
    const { lease } = this
    return lease && now < lease.until ? this.#others + (lease.amount - lease.held) : this.#others
  }

  /** Room as text, never below zero. Most checks tell the same as the one before. */
  textOf(room: Scaled): string {
    if (room !== this.#toldRoom) {
      this.#toldRoom = room
      this.#toldText = room > 0n ? scaledText(room) : '0'
    }
    return this.#toldText
  }

  /** Milliseconds until a call may go through, as often as the budget lets through; 0: now. */
  waitAt(now: number): number {
    const { perSecond } = this.terms
    const grown = this.#tokens + ((now - this.#filledAt) / 1000) * perSecond
    this.#tokens = Number.isNaN(grown) || grown > BURST ? BURST : grown
    this.#filledAt = now
    if (this.#tokens >= 1) return 0
    return perSecond > 0 ? Math.ceil(((1 - this.#tokens) / perSecond) * 1000) : RETRY_MS_MAX
  }

  /** A call goes through. */
  passOne(): void {
    this.#tokens -= 1
  }
}

/** Told where a budget lets nobody through any more. */
const RETRY_MS_MAX = 60_000
