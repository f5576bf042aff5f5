import type pg from 'pg'
import type { Part } from '../core/event.ts'
import type { Decimal } from '../core/money.ts'
import type { Meter } from '../core/plan.ts'
import { type CounterGroup, insertRows, lockRows, writeRows } from './counter-rows.ts'
import { nameOf } from './name.ts'
import type { Curve } from './plans/curve.ts'

/** Names a counter: how much of a meter a subscription has used in a period, under a version of its plan. */
export interface MeterCounterKey {
  readonly tenantId: string
  readonly subscriptionId: string
  /** Milliseconds since 1970. */
  readonly periodStart: number
  readonly planId: string
  readonly planVersion: number
  readonly meterNo: number
}

/** A quantity on its way to a counter; negative where it is taken back. */
export interface ChargeStep {
  readonly customer: string
  readonly counter: MeterCounterKey
  readonly meter: Meter
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: Decimal
}

/** A step that has its price. */
export interface Charged extends ChargeStep {
  readonly amount: Decimal
}

/** Counters that steps go to, one after the other. */
export interface Counters {
  /** Moves a counter by a step and returns the step with its price. */
  move(step: ChargeStep, curve: Curve): Charged
}

/** How much a counter has counted, and what that was charged. */
export interface CounterState {
  readonly quantity: Decimal
  readonly amount: Decimal
}

interface Counter {
  /** Where its row lies, as long as it is locked. */
  readonly place: string
  quantity: Decimal
  amount: Decimal
  /** When it was moved last, or an invoice was made of it; microseconds since 1970. */
  readonly ratedAt: number
  /** The same once this transaction is written. */
  clock: number
}

/** By how much a counter's clock moves on at least: instants of ratings are whole milliseconds, as a clock tells them. */
const TICK_MICROS = 1_000

type CountersOfGroup = Map<number, Counter>

/** Counters that a transaction holds locked. All steps of the transaction go through here, in order. */
export class LockedCounters implements Counters {
  /** By the keys that were asked for themselves: the name of a counter is made once, not for each step. */
  readonly #groups: ReadonlyMap<MeterCounterKey, CountersOfGroup>
  readonly #counters: readonly Counter[]

  private constructor(groups: ReadonlyMap<MeterCounterKey, CountersOfGroup>, counters: readonly Counter[]) {
    this.#groups = groups
    this.#counters = counters
  }

  /**
   * Locks the counters, which are made where there are none yet. Everybody locks in the order of the key, and inserts
   * in it while holding no lock, so nobody waits for somebody who waits for him.
   * @param keys those of the steps that will be moved, the very objects
   */
  static async lock(client: pg.PoolClient, keys: Iterable<MeterCounterKey>): Promise<LockedCounters> {
    const { groups, placeOf, size } = grouped(keys)
    if (size === 0) return new LockedCounters(new Map(), [])
    // Most counters are there from the first event of the period on: the insert is tried only where one is missing.
    await client.query('savepoint unlocked')
    let rows = await lockRows(client, groups)
    if (rows.length < size) {
      await client.query('rollback to savepoint unlocked')
      await insertRows(client, groups)
      rows = await lockRows(client, groups)
    }
    const locked = groups.map((): CountersOfGroup => new Map())
    const counters = rows.map(({ groupNo, meterNo, place, quantity, amount, ratedAt }) => {
      const counter = { place, quantity, amount, ratedAt, clock: ratedAt }
      locked[groupNo]!.set(meterNo, counter)
      return counter
    })
    return new LockedCounters(new Map([...placeOf].map(([key, no]) => [key, locked[no]!])), counters)
  }

  move(step: ChargeStep, curve: Curve): Charged {
    const counter = this.#of(step.counter)
    counter.quantity = counter.quantity.plus(step.quantity)
    // What the counter was charged so far is F of what it counted so far.
    const total = curve.priceOf(counter.quantity)
    const amount = total.minus(counter.amount)
    counter.amount = total
    return { ...step, amount }
  }

  /**
   * When an event with these steps is rated: now, but after all that its counters were moved by before, whichever
   * clock that was told by. So an invoice of what was rated before some instant has the same rows for good.
   * @returns microseconds since 1970
   */
  stamp(steps: readonly ChargeStep[], nowMicros: number): number {
    let ratedAt = nowMicros
    for (const step of steps) ratedAt = Math.max(ratedAt, this.#of(step.counter).ratedAt + TICK_MICROS)
    for (const step of steps) {
      const counter = this.#of(step.counter)
      counter.clock = Math.max(counter.clock, ratedAt)
    }
    return ratedAt
  }

  /**
   * Writes all counters back, once.
   * @throws Error where one was not there
   */
  async write(client: pg.PoolClient): Promise<void> {
    await writeRows(client, this.#counters)
  }

  #of(key: MeterCounterKey): Counter {
    const counter = this.#groups.get(key)?.get(key.meterNo)
    if (!counter) throw new Error(`counter ${JSON.stringify(key)} is not locked`)
    return counter
  }
}

interface Grouped {
  readonly groups: readonly CounterGroup[]
  /** The place of each key's group. */
  readonly placeOf: ReadonlyMap<MeterCounterKey, number>
  /** Counters in all. */
  readonly size: number
}

/** Keys by what they have in common but their meter. Keys of one event come one after the other. */
function grouped(keys: Iterable<MeterCounterKey>): Grouped {
  const groups: { readonly of: MeterCounterKey; readonly meters: Set<number> }[] = []
  const placeOf = new Map<MeterCounterKey, number>()
  const named = new Map<string, number>()
  let last: MeterCounterKey | undefined
  let place = 0
  for (const key of keys) {
    if (placeOf.has(key)) continue
    if (!last || !isBeside(key, last)) {
      const name = meterCounterName({ ...key, meterNo: 0 })
      place = named.get(name) ?? groups.push({ of: key, meters: new Set() }) - 1
      named.set(name, place)
      last = key
    }
    placeOf.set(key, place)
    groups[place]!.meters.add(key.meterNo)
  }
  return { groups, placeOf, size: groups.reduce((sum, { meters }) => sum + meters.size, 0) }
}

function isBeside(a: MeterCounterKey, b: MeterCounterKey): boolean {
  return (
    a.subscriptionId === b.subscriptionId &&
    a.periodStart === b.periodStart &&
    a.planVersion === b.planVersion &&
    a.planId === b.planId &&
    a.tenantId === b.tenantId
  )
}

export function meterCounterName(key: MeterCounterKey): string {
  const { tenantId, subscriptionId, periodStart, planId, planVersion, meterNo } = key
  return nameOf(tenantId, subscriptionId, periodStart, planId, planVersion, meterNo)
}
