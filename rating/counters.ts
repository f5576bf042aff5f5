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

interface Counter {
  readonly key: CounterKey
  quantity: Decimal
  amount: Decimal
}

/** Counters that a transaction holds locked. All steps of the transaction go through here, in order. */
export class LockedCounters {
  readonly #counters: ReadonlyMap<string, Counter>

  private constructor(counters: ReadonlyMap<string, Counter>) {
    this.#counters = counters
  }

  /**
   * Locks the counters, which are made where there are none yet. Everybody inserts and locks in the order of the
   * key, so nobody waits for somebody who waits for him.
   */
  static async lock(client: pg.PoolClient, keys: Iterable<CounterKey>): Promise<LockedCounters> {
    const distinct = new Map<string, CounterKey>()
    for (const key of keys) distinct.set(counterName(key), key)
    const values = columnsOf([...distinct.values()])
    if (distinct.size === 0) return new LockedCounters(new Map())
    await client.query({
      name: 'rating-counters-insert',
      text: `insert into aforo_store.meter_counters
           (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
         select * from ${KEYS} order by 1, 2, 3, 4, 5, 6
         on conflict do nothing`,
      values,
    })
    const { rows } = await client.query<CounterRow>({
      name: 'rating-counters-lock',
      text: `select tenant_id, subscription_id::text as subscription_id,
           (extract(epoch from period_start) * 1000)::bigint::text as period_start, plan_id, plan_version, meter_no,
           quantity::text as quantity, amount::text as amount
         from aforo_store.meter_counters
         join ${KEYS} using (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
         order by meter_counters.tenant_id, meter_counters.subscription_id, meter_counters.period_start,
           meter_counters.plan_id, meter_counters.plan_version, meter_counters.meter_no
         for update of meter_counters`,
      values,
    })
    return new LockedCounters(new Map(rows.map((row) => counterOf(row))))
  }

  /** Moves a counter by a step and returns the step with its price. */
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

  /** Writes all counters back, once. */
  async write(client: pg.PoolClient): Promise<void> {
    const counters = [...this.#counters.values()]
    if (counters.length === 0) return
    await client.query({
      name: 'rating-counters-write',
      text: `update aforo_store.meter_counters counter set quantity = moved.quantity, amount = moved.amount
         from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::integer[], $6::integer[],
             $7::numeric[], $8::numeric[])
           as moved (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no, quantity, amount)
         where counter.tenant_id = moved.tenant_id and counter.subscription_id = moved.subscription_id
           and counter.period_start = moved.period_start and counter.plan_id = moved.plan_id
           and counter.plan_version = moved.plan_version and counter.meter_no = moved.meter_no`,
      values: [
        ...columnsOf(counters.map((counter) => counter.key)),
        counters.map((counter) => decimalText(counter.quantity)),
        counters.map((counter) => decimalText(counter.amount)),
      ],
    })
  }
}

const KEYS = `unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::integer[], $6::integer[])
  as key (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)`

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

interface CounterRow {
  readonly tenant_id: string
  readonly subscription_id: string
  readonly period_start: string
  readonly plan_id: string
  readonly plan_version: number
  readonly meter_no: number
  readonly quantity: string
  readonly amount: string
}

function counterOf(row: CounterRow): readonly [string, Counter] {
  const key: CounterKey = {
    tenantId: row.tenant_id,
    subscriptionId: row.subscription_id,
    periodStart: Number(row.period_start),
    planId: row.plan_id,
    planVersion: row.plan_version,
    meterNo: row.meter_no,
  }
  return [counterName(key), { key, quantity: new Decimal(row.quantity), amount: new Decimal(row.amount) }]
}
