import type pg from 'pg'
import type { Part } from '../core/event.ts'
import { Decimal, decimalText } from '../core/money.ts'
import type { Meter } from '../core/plan.ts'
import type { Curve } from './curve.ts'
import { nameOf } from './name.ts'

/** Names a counter: how much of a meter a subscription has used in a period, under a version of its plan. */
export interface CounterKey {
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
  readonly counter: CounterKey
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

/** Counters that a transaction holds locked. All steps of the transaction go through here, in order. */
export class LockedCounters implements Counters {
  readonly #counters: ReadonlyMap<string, Counter>

  private constructor(counters: ReadonlyMap<string, Counter>) {
    this.#counters = counters
  }

  /**
   * Locks the counters, which are made where there are none yet. Everybody locks in the order of the key, and inserts
   * in it while holding no lock, so nobody waits for somebody who waits for him.
   */
  static async lock(client: pg.PoolClient, keys: Iterable<CounterKey>): Promise<LockedCounters> {
    const distinct = new Map<string, CounterKey>()
    for (const key of keys) distinct.set(counterName(key), key)
    if (distinct.size === 0) return new LockedCounters(new Map())
    const named = [...distinct.entries()]
    const values = columnsOf([...distinct.values()])
    // Most counters are there from the first event of the period on: the insert is tried only where one is missing.
    await client.query('savepoint unlocked')
    let rows = await lockRows(client, values)
    if (rows.length < named.length) {
      await client.query('rollback to savepoint unlocked')
      await insertRows(client, values)
      rows = await lockRows(client, values)
    }
    return new LockedCounters(
      new Map(
        rows.map(({ no, place, quantity, amount, rated_at: text }) => {
          const ratedAt = Number(text)
          const totals = { quantity: new Decimal(quantity), amount: new Decimal(amount) }
          return [named[no - 1]![0], { place, ...totals, ratedAt, clock: ratedAt }]
        }),
      ),
    )
  }

  move(step: ChargeStep, curve: Curve): Charged {
    const counter = this.#counters.get(counterName(step.counter))
    if (!counter) throw new Error(`counter ${JSON.stringify(step.counter)} is not locked`)
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
    const counters = steps.map((step) => this.#counters.get(counterName(step.counter))!)
    const ratedAt = counters.reduce(
      (latest, counter) => Math.max(latest, counter.ratedAt + TICK_MICROS),
      nowMicros,
    )
    for (const counter of counters) counter.clock = Math.max(counter.clock, ratedAt)
    return ratedAt
  }

  /**
   * Writes all counters back, once, each at the place where it was locked: nobody else can have moved it since.
   * @throws Error where one was not there
   */
  async write(client: pg.PoolClient): Promise<void> {
    const counters = [...this.#counters.values()]
    if (counters.length === 0) return
    const { rowCount } = await client.query({
      name: 'rating-counters-write',
      text: `update aforo_store.meter_counters counter
         set quantity = moved.quantity, amount = moved.amount, rated_at = 'epoch'::timestamptz + moved.clock * interval '1 us'
         from unnest($1::tid[], $2::numeric[], $3::numeric[], $4::bigint[]) as moved (place, quantity, amount, clock)
         where counter.ctid = moved.place`,
      values: [
        counters.map((counter) => counter.place),
        counters.map((counter) => decimalText(counter.quantity)),
        counters.map((counter) => decimalText(counter.amount)),
        counters.map((counter) => counter.clock),
      ],
    })
    if (rowCount !== counters.length)
      throw new Error(`${rowCount} of ${counters.length} counters were written`)
  }
}

/** Reads what counters have counted, without a lock; those that are not there yet are left out. */
export async function readCounters(
  client: pg.PoolClient,
  keys: Iterable<CounterKey>,
): Promise<ReadonlyMap<string, CounterState>> {
  const distinct = [...new Map([...keys].map((key) => [counterName(key), key])).entries()]
  if (distinct.length === 0) return new Map()
  const { rows } = await client.query<Omit<LockedRow, 'place'>>({
    name: 'rating-counters-read',
    text: `select key.no::integer as no, counter.quantity::text as quantity, counter.amount::text as amount
       from ${KEYS}
       join aforo_store.meter_counters counter
         using (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)`,
    values: columnsOf(distinct.map(([, key]) => key)),
  })
  return new Map(
    rows.map(({ no, quantity, amount }) => [
      distinct[no - 1]![0],
      { quantity: new Decimal(quantity), amount: new Decimal(amount) },
    ]),
  )
}

async function lockRows(client: pg.PoolClient, values: unknown[]): Promise<readonly LockedRow[]> {
  const { rows } = await client.query<LockedRow>({
    name: 'rating-counters-lock',
    text: `select key.no::integer as no, counter.ctid::text as place, counter.quantity::text as quantity,
         counter.amount::text as amount,
         coalesce((extract(epoch from counter.rated_at) * 1000000)::bigint, 0)::text as rated_at
       from ${KEYS}
       join aforo_store.meter_counters counter
         using (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
       order by counter.tenant_id, counter.subscription_id, counter.period_start, counter.plan_id,
         counter.plan_version, counter.meter_no
       for update of counter`,
    values,
  })
  return rows
}

interface LockedRow {
  /** Place of the key in the arrays, from 1. */
  readonly no: number
  readonly place: string
  readonly quantity: string
  readonly amount: string
  readonly rated_at: string
}

async function insertRows(client: pg.PoolClient, values: unknown[]): Promise<void> {
  await client.query({
    name: 'rating-counters-insert',
    text: `insert into aforo_store.meter_counters
         (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
       select tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no from ${KEYS}
       order by 1, 2, 3, 4, 5, 6
       on conflict do nothing`,
    values,
  })
}

const KEYS = `unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::integer[], $6::integer[])
  with ordinality as key (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no, no)`

function columnsOf(keys: readonly CounterKey[]): unknown[] {
  return [
    keys.map((key) => key.tenantId),
    keys.map((key) => key.subscriptionId),
    keys.map((key) => new Date(key.periodStart).toISOString()),
    keys.map((key) => key.planId),
    keys.map((key) => key.planVersion),
    keys.map((key) => key.meterNo),
  ]
}

export function counterName(key: CounterKey): string {
  const { tenantId, subscriptionId, periodStart, planId, planVersion, meterNo } = key
  return nameOf(tenantId, subscriptionId, periodStart, planId, planVersion, meterNo)
}
