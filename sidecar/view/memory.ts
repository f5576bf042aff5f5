import { type Spender, subjectOf } from '../../core/budget.ts'
import { type CheckRequest, KILL_KINDS, type KillKind } from '../../core/decision.ts'
import { AforoError } from '../../core/errors.ts'
import type { CounterStanding } from '../../core/lease.ts'
import { scaled } from '../../core/scaled.ts'
import type { UnixMillis } from '../../core/time.ts'
import { counterName } from '../../schema/budgets/lease-book.ts'
import type { SpenderFacts } from '../../schema/budgets/spenders.ts'
import { BoundedMap } from '../bounded-map.ts'
import { Counter } from './counter.ts'
import { type Terms, termsOf } from './terms.ts'

/** Spenders remembered of one tenant. Another one more is asked for at the centre again, and is as right. */
export const SPENDERS_MAX = 50_000
/**
 * Counters remembered of one tenant, with those of spenders who were forgotten just now. At more nobody new is taken in
 * until some are let go of.
 */
export const COUNTERS_MAX = 200_000
/** Kills remembered of one tenant; at more all is asked for again. */
export const KILLS_MAX = 50_000
/** An unknown customer is asked for again so soon. */
const UNKNOWN_MS_MAX = 1_000
/** A known one is looked at again in the background after this. */
const SPENDER_MS_MAX = 30_000
/** Counters that move by themselves (wallets, rolling windows): read again in the background, and before an answer. */
const MOVING_MS = 250
const MOVING_MS_MAX = 1_000

/** A spender with the counters of the budgets that apply to him. */
export interface KnownSpender {
  readonly spender: Spender
  readonly isKnown: boolean
  readonly counters: readonly Counter[]
  /** One of them is a wallet or rolls. */
  readonly isMoving: boolean
  /** Some window ends then, or more may be known; it is not right any more. */
  until: number
  readAt: number
  /** How often everything had to be read again before it was. */
  readonly generation: number
  /** When the trace began that it is about; null: in the month of now, which lasts from an instant to another. */
  readonly startedAt: UnixMillis | null
  readonly monthFrom: UnixMillis
  readonly monthTo: UnixMillis
}

/** Counters that are to be let go of, at least, while there are too many. */
const MADE_ROOM = 1_000
/** A counter that nobody is remembered with is kept so long. */
const FORGET_MS = 10_000

/** How a spender's facts may be used now. */
type Freshness = 'fresh' | 'aging' | 'stale'

/**
 * What one tenant's budgets, counters and kills are, as far as somebody asked. Kept up to date by what the centre tells.
 * Time is an argument: milliseconds of a monotonic clock.
 */
export class Memory {
  readonly #spenders = new BoundedMap<string, KnownSpender>(SPENDERS_MAX, ({ counters }) =>
    this.#forget(counters),
  )
  readonly #counters = new Map<string, Counter>()
  readonly #forgotten = new Set<Counter>()
  readonly #kills = new Set<string>()
  /** Every budget of the tenant that somebody met, for spenders that nobody can be asked about. */
  #terms = new Map<string, Terms>()
  #termsBefore = new Map<string, Terms>()
  #generation = 0

  get sizes() {
    return { spenders: this.#spenders.size, counters: this.#counters.size, kills: this.#kills.size }
  }

  find(name: string): KnownSpender | undefined {
    return this.#spenders.get(name)
  }

  /** Whose call it is, and of which month: where its trace began in another one than now, that is somebody else. */
  askerOf(request: CheckRequest): Asker {
    const spender = spenderOf(request)
    const name = spenderName(spender)
    if (request.started_at === undefined) return { spender, name, startedAt: null }
    const known = this.#spenders.get(name)
    if (known === undefined || !isOfAnotherMonth(request, known)) return { spender, name, startedAt: null }
    const startedAt = Date.parse(request.started_at)
    const slot = Math.floor(startedAt / MONTH_STEP_MS)
    return { spender, name: `${name}\0${slot}`, startedAt }
  }

  freshness(known: KnownSpender, now: number): Freshness {
    const age = now - known.readAt
    if (this.isOutdated(known) || now >= known.until || (!known.isKnown && age > UNKNOWN_MS_MAX))
      return 'stale'
    if (known.isMoving) {
      const read = this.#oldestRead(known)
      if (now - read > MOVING_MS_MAX) return 'stale'
      if (now - read > MOVING_MS) return 'aging'
    }
    return age > SPENDER_MS_MAX ? 'aging' : 'fresh'
  }

  /** A budget may have begun, changed or ended since. */
  isOutdated({ generation, counters }: KnownSpender): boolean {
    if (generation !== this.#generation) return true
    for (const { hasEnded } of counters) if (hasEnded) return true
    return false
  }

  isKilled({ session, agent, customer }: Spender): boolean {
    if (this.#kills.size === 0) return false
    return (
      (session !== null && this.#kills.has(killName('session', session))) ||
      (agent !== null && this.#kills.has(killName('agent', agent))) ||
      (customer !== null && this.#kills.has(killName('customer', customer)))
    )
  }

  /**
   * Remembers what the centre said of a spender when it was asked at `askedAt`.
   * @throws AforoError `unavailable` where there is no room for its counters
   */
  learn({ name, spender, startedAt }: Asker, facts: SpenderFacts, askedAt: number): KnownSpender {
    this.#refuseTooMany(facts)
    let until = askedAt + (facts.msValid ?? Number.POSITIVE_INFINITY)
    let [monthFrom, monthTo] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
    const counters = facts.budgets.map(({ budgetId, budget, standing, msLeft, windowEnd = null }) => {
      const counter = this.#counter(
        counterName(standing.counter),
        budgetId,
        termsOf(budgetId, budget),
        standing,
      )
      this.apply(standing, askedAt)
      counter.refs += 1
      this.#forgotten.delete(counter)
      if (msLeft !== null) until = Math.min(until, askedAt + msLeft)
      if (budget.window === 'month') monthFrom = Math.max(monthFrom, Date.parse(standing.counter.windowStart))
      // A session that began in the month before counts there too, which does not end the month of now.
      if (windowEnd !== null && msLeft !== null) monthTo = Math.min(monthTo, Date.parse(windowEnd))
      return counter
    })
    const isMoving = counters.some(
      ({ terms }) => terms.isWallet || terms.window === 'day' || terms.window === 'hour',
    )
    const known = {
      spender,
      isKnown: facts.isKnown,
      counters,
      isMoving,
      until,
      readAt: askedAt,
      generation: this.#generation,
      startedAt,
      monthFrom,
      monthTo,
    }
    this.#spenders.set(name, known)
    for (const kind of KILL_KINDS) {
      const id = spender[kind]
      if (id === null) continue
      this.setKilled(
        kind,
        id,
        facts.kills.some((kill) => kill.kind === kind),
      )
    }
    return known
  }

  /** A counter's standing; null where nobody remembers it, or a newer one is about to come. */
  apply(standing: CounterStanding, readAt: number): Counter | null {
    const counter = this.#counters.get(counterName(standing.counter))
    if (!counter) return null
    if (counter.isAsked) {
      counter.hearLimit(standing.limit)
      return null
    }
    counter.learn(standing, readAt)
    return counter
  }

  setKilled(kind: KillKind, id: string, isKilled: boolean): void {
    if (!isKilled) this.#kills.delete(killName(kind, id))
    else if (this.#kills.size < KILLS_MAX) this.#kills.add(killName(kind, id))
    else {
      this.#kills.clear()
      this.doubtAll()
    }
  }

  /** Something may have changed unheard: all is to be read again, and counts until then only while nobody can be asked. */
  doubtAll(): void {
    this.#generation += 1
    if (this.#terms.size === 0) return
    this.#termsBefore = this.#terms
    this.#terms = new Map()
  }

  /** Budgets that would apply to somebody nobody can be asked about. */
  *applying(spender: Spender): Generator<Terms> {
    for (const known of [this.#terms, this.#termsBefore]) {
      for (const terms of known.values()) if (subjectOf(terms, spender) !== null) yield terms
    }
  }

  /** Lets go of counters that nobody is remembered with and nothing is held of. A check under way may still know one. */
  sweep(now: number): void {
    for (const counter of this.#forgotten) {
      counter.forgottenAt ??= now
      if (counter.isPinned || now - counter.forgottenAt < FORGET_MS) continue
      this.#forgotten.delete(counter)
      this.#counters.delete(counter.name)
    }
  }

  /** Whoever was asked about longest ago makes room, which there is once nobody can be using his counters any more. */
  #refuseTooMany({ budgets }: SpenderFacts): void {
    if (this.#counters.size + budgets.length <= COUNTERS_MAX) return
    const isNew = ({ standing }: (typeof budgets)[number]) =>
      !this.#counters.has(counterName(standing.counter))
    const more = budgets.filter(isNew).length
    if (more === 0 || this.#counters.size + more <= COUNTERS_MAX) return
    for (let no = 0; no < MADE_ROOM && this.#forgotten.size < MADE_ROOM; no++) this.#spenders.forgetOldest()
    throw new AforoError('unavailable', 'too many counters of budgets are remembered')
  }

  #counter(name: string, budgetId: string, terms: Terms, { counter: key, limit }: CounterStanding): Counter {
    this.#terms.set(budgetId, terms)
    let counter = this.#counters.get(name)
    if (!counter) {
      counter = new Counter(name, key, terms, scaled(limit ?? '0'))
      this.#counters.set(name, counter)
    }
    counter.terms = terms
    return counter
  }

  #forget(counters: readonly Counter[]): void {
    for (const counter of counters) {
      counter.refs -= 1
      if (counter.refs > 0) continue
      counter.forgottenAt = null
      this.#forgotten.add(counter)
    }
  }

  #oldestRead({ counters }: KnownSpender): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const { terms, readAt } of counters) {
      const isMoving = terms.isWallet || terms.window === 'day' || terms.window === 'hour'
      if (isMoving && readAt < oldest) oldest = readAt
    }
    return oldest
  }
}

/** Whose call is asked about. `startedAt`: when its trace began, where that is in another month than now; else null. */
export interface Asker {
  readonly spender: Spender
  readonly name: string
  readonly startedAt: UnixMillis | null
}

/** In all time zones months begin at a multiple of this. */
const MONTH_STEP_MS = 900_000

/** Whether a call's trace began in another month than the one that is known. */
export function isOfAnotherMonth({ started_at: at }: CheckRequest, known: KnownSpender): boolean {
  if (at === undefined || known.startedAt !== null) return false
  const startedAt = Date.parse(at)
  return startedAt < known.monthFrom || startedAt >= known.monthTo
}

/** Whose call a check asks about. */
export function spenderOf({ customer, session, product, agent, trace }: CheckRequest): Spender {
  return {
    customer,
    session: session ?? null,
    product: product ?? null,
    agent: agent ?? null,
    trace: trace ?? null,
  }
}

/** Names a spender. No part holds a control character. */
export function spenderName({ customer, session, product, agent, trace }: Spender): string {
  return `${customer}\0${session ?? ''}\0${product ?? ''}\0${agent ?? ''}\0${trace ?? ''}`
}

/** Names somebody who may be stopped. */
export function killName(kind: KillKind, id: string): string {
  return `${kind}\0${id}`
}
