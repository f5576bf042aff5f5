import type { Exchange, HoldEnd, HoldRecord } from '../../core/lease.ts'
import { mostOf, type Scaled, scaled, scaledText } from '../../core/scaled.ts'
import {
  counterName,
  type LeaseBook,
  leaseName,
  type Told,
  type ToldHold,
} from '../../schema/budgets/lease-book.ts'
import type { HoldBook } from '../../sidecar/leases/hold-book.ts'
import type { Counter } from '../../sidecar/view/counter.ts'
import { type Terms, termsOf } from '../../sidecar/view/terms.ts'

/** A schedule: everything that happens in it follows from these numbers. */
export interface Schedule {
  readonly seed: number
  readonly sidecars: number
  readonly clients: number
  /** Of each budget, in calls and in tokens. */
  readonly calls: number
  readonly tokens: number
  /**
   * Percent of messages lost, doubled, and very late; of sidecars cut off or killed; of clients that end without a word,
   * and of those that take their holds back.
   */
  readonly lost: number
  readonly doubled: number
  readonly late: number
  readonly cutOff: number
  readonly killed: number
  readonly silent: number
  readonly released: number
  /** Of those that hold for several model calls at once. */
  readonly work: number
  /** Of those that ask the centre to take their hold, without a lease. */
  readonly first?: number
  /** Seconds in which all clients come, and for which a sidecar is cut off at most. */
  readonly rush: number
  readonly away: number
  /** By how many thousandths clocks run fast or slow. */
  readonly drift: number
  /** How often a limit is raised or lowered, or a budget ended. */
  readonly changes: number
  /** Nothing is lost, late or doubled, and nobody cut off but for ever: what is recalled is looked for. */
  readonly calm?: boolean
}

/** A sidecar of a simulation. */
export interface Sidecar {
  book: HoldBook
  counters: Counter[]
  readonly clock: (trueMs: number) => number
  readonly cutOffFrom: number
  readonly cutOffTo: number
  isDead: boolean
  isSending: boolean
  failures: number
  life: number
  /** The last change of each limit that it has heard of, and whether it knows that the budget has ended. */
  readonly heard: number[]
  readonly isEnded: boolean[]
  /** Holds it has taken. */
  readonly taken: string[]
  /** What is to run once a message is answered that is not made yet, and the one under way. */
  readonly waiting: (() => void)[]
  readonly served: (() => void)[]
}

/** A call that was let in, until it is over and its usage is counted. */
export interface Call {
  readonly holdId: string
  readonly tokens: bigint
  /** What it may still come to: calls and tokens. */
  may: readonly [calls: bigint, tokens: bigint]
}

/** The counters of a simulation: of so many calls, and of so many tokens. */
export const KEYS = ['calls', 'tokens'].map((budgetId) => ({
  budgetId,
  counting: 1,
  subject: '[]',
  windowStart: '-infinity',
}))
const UNITS = ['model_calls', 'tokens'] as const

/** What the budget of a counter says. */
export function termsIn(no: number, limit: Scaled): Terms {
  const budget = {
    scope: {},
    unit: UNITS[no]!,
    limit: scaledText(limit),
    window: 'lifetime',
    mode: 'hard',
  } as const
  return termsOf(KEYS[no]!.budgetId, budget)
}

/** What leases have of a counter. */
export function sumOfLeases(book: LeaseBook, name: string): bigint {
  let sum = 0n
  for (const { counter, amount } of book.leases.values()) if (counter === name) sum += amount
  return sum
}

/** A hold with the names of counters. */
export function namedHold({ holdId, card, isWork, msLeft, end, takes }: HoldRecord): ToldHold {
  return {
    holdId,
    takes: takes.map(({ counter, leaseId, amount }) => ({
      counter: counterName(counter),
      unit: UNITS[KEYS.findIndex(({ budgetId }) => budgetId === counter.budgetId)]!,
      leaseId,
      amount: scaled(amount),
    })),
    card,
    ...(isWork !== undefined && { isWork }),
    msLeft,
    end,
  }
}

/** A message with the names of counters, as the centre takes it in. */
export function namedIn(told: Exchange): Told {
  return {
    ...told,
    holds: told.holds.map(namedHold),
    orders: told.orders.map((order) => ({ ...order, name: counterName(order.counter) })),
  }
}

/**
 * What is amiss at the centre. Of each counter leases and holds have what is given out; and that covers whatever calls
 * that were let in may still come to, and what sidecars may let in without asking. A hold whose span was counted holds
 * nothing.
 */
export function* amissAtCentre(
  book: LeaseBook,
  calls: ReadonlySet<Call>,
  sidecars: readonly Sidecar[],
  spanned: ReadonlySet<string>,
  now: number,
): Generator<string> {
  let no = 0
  for (const counter of book.counters.values()) {
    let given = sumOfLeases(book, counter.name)
    for (const { holdId, takes } of book.holds.values()) {
      for (const take of takes) {
        if (take.counter !== counter.name) continue
        given += take.held
        if (take.held > 0n && spanned.has(holdId))
          yield `${holdId} holds ${take.held} beside its span at ${now} ms`
      }
    }
    if (given !== counter.leased)
      yield `${counter.name} at ${now} ms: ${given} given, ${counter.leased} leased`
    let may = 0n
    for (const call of calls) may += call.may[no]!
    for (const { isDead, counters, clock } of sidecars) {
      if (!isDead) may += counters[no]!.freeAt(clock(now))
    }
    // Of a budget that has ended new calls hold nothing.
    if (may > counter.leased && counter.limit !== null) {
      yield `${counter.name} at ${now} ms: ${scaledText(may)} may come of ${scaledText(counter.leased)} that is leased`
    }
    no += 1
  }
}

/** What a message that ended holds left behind: of a released one nothing is held, of a settled one no more than it used. */
export function* amissOfEnds(book: LeaseBook, ends: readonly HoldEnd[], now: number): Generator<string> {
  for (const { holdId, actual } of ends) {
    const hold = book.holds.get(holdId)
    if (actual === null && hold?.state === 'settled') continue
    const most = {
      tokens: scaled(actual?.input_tokens ?? '0'),
      model_calls: scaled(actual === null ? '0' : (actual.model_calls ?? '1')),
    }
    for (const { unit, held } of hold?.takes ?? []) {
      if (held > mostOf(most[unit as keyof typeof most], 0n))
        yield `${holdId} holds ${held} at ${now} ms though it ended`
    }
  }
}

/** Who has heard that a limit fell lets nobody in out of what was granted before. */
export function* amissOfHearing({ counters, clock }: Sidecar, no: number, now: number): Generator<string> {
  const free = counters[no]!.freeAt(clock(now))
  if (free > 0n) yield `${counters[no]!.name} at ${now} ms: ${free} is free though it was recalled`
}

/** Nor out of what was granted before and came afterwards. `editions`: of the limits that the answer was made under. */
export function* amissOfGrants(
  { counters, heard, clock }: Sidecar,
  editions: readonly number[],
  now: number,
): Generator<string> {
  for (const [no, counter] of counters.entries()) {
    if (editions[no]! < heard[no]! && counter.freeAt(clock(now)) > 0n)
      yield `${counter.name} at ${now} ms: a lease of limit ${editions[no]} is used under ${heard[no]}`
  }
}

/**
 * Once all have heard of a lower limit, what is out beyond it is what holds hold, told and untold, and the leases of those who
 * will never hear.
 */
export function* amissOfRecall(
  book: LeaseBook,
  sidecars: readonly Sidecar[],
  used: readonly bigint[],
  no: number,
  now: number,
): Generator<string> {
  const { name, leased, limit } = [...book.counters.values()][no]!
  let untold = 0n
  let rest = used[no]!
  for (const { isDead, counters, book: own } of sidecars) {
    // Of the dead too: the span of a hold that nobody told of is counted beside the lease that it was taken of.
    untold += counters[no]!.lease?.held ?? 0n
    if (isDead) rest += book.leases.get(leaseName(name, own.sidecarId))?.amount ?? 0n
  }
  for (const { takes } of book.holds.values()) {
    for (const take of takes) if (take.counter === name) rest += take.held
  }
  const most = limit === null || limit < rest ? rest : limit
  if (used[no]! + leased > most + untold)
    yield `${name} at ${now} ms: ${leased} is leased, ${scaledText(most)} may be and ${scaledText(untold)} untold`
}

/** What is amiss in a sidecar: of each lease that much is held as its holds have taken that the centre has not heard of. */
export function* amissAtSidecar({ isDead, book, counters, taken }: Sidecar, now: number): Generator<string> {
  if (isDead) return
  const untold = taken.flatMap((holdId) => book.find(holdId) ?? [])
  for (const { name, lease } of counters) {
    if (lease === null) continue
    let held = 0n
    for (const { takes } of untold) {
      for (const { counter, leaseId, amount } of takes) {
        if (counter.name === name && leaseId === lease.leaseId) held += amount
      }
    }
    if (held !== lease.held || held > lease.amount) {
      yield `${name} at ${now} ms: a sidecar holds ${held} of ${lease.amount}, and says ${lease.held}`
    }
  }
}
