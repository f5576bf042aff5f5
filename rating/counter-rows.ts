import type pg from 'pg'
import { Decimal, decimalText } from '../core/money.ts'
import { plainArray } from '../schema/array-text.ts'
import { type CounterState, type MeterCounterKey, meterCounterName } from './counters.ts'

/** Counters of one subscription, period and version of a plan, by the places of their meters. */
export interface CounterGroup {
  readonly of: Omit<MeterCounterKey, 'meterNo'>
  readonly meters: ReadonlySet<number>
}

/** A counter as it was locked. */
export interface LockedRow {
  /** Place of its group in those that were asked for. */
  readonly groupNo: number
  readonly meterNo: number
  /** Where its row lies, as long as it is locked. */
  readonly place: string
  readonly quantity: Decimal
  readonly amount: Decimal
  /** Microseconds since 1970. */
  readonly ratedAt: number
}

/**
 * Groups in the order of the counters' key, and each group's counters in the order of their meters: so rows are locked
 * one by one in the order of the key, whatever the planner believes of the tables.
 */
const GROUPS = `(
    select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::integer[], $6::text[])
      with ordinality as named (tenant_id, subscription_id, period_start, plan_id, plan_version, meters, no)
    order by tenant_id, subscription_id, period_start, plan_id, plan_version
  ) key`
const OF_KEY = `counter.tenant_id = key.tenant_id and counter.subscription_id = key.subscription_id
      and counter.period_start = key.period_start and counter.plan_id = key.plan_id
      and counter.plan_version = key.plan_version and counter.meter_no = any (key.meters::integer[])`

/** Locks those counters that are there. */
export async function lockRows(
  client: pg.PoolClient,
  groups: readonly CounterGroup[],
): Promise<readonly LockedRow[]> {
  const { rows } = await client.query<[number, number, string, string, string, string]>({
    name: 'rating-counters-lock',
    rowMode: 'array',
    text: `select key.no::integer - 1, locked.*
       from ${GROUPS}
       cross join lateral (
         select counter.meter_no, counter.ctid::text, counter.quantity::text, counter.amount::text,
           coalesce((extract(epoch from counter.rated_at) * 1000000)::bigint, 0)::text
         from aforo_store.meter_counters counter
         where ${OF_KEY}
         order by counter.meter_no
         for update offset 0) locked`,
    values: columnsOf(groups),
  })
  return rows.map(([groupNo, meterNo, place, quantity, amount, ratedAt]) => ({
    groupNo,
    meterNo,
    place,
    quantity: new Decimal(quantity),
    amount: new Decimal(amount),
    ratedAt: Number(ratedAt),
  }))
}

/** Makes those that are not there yet. */
export async function insertRows(client: pg.PoolClient, groups: readonly CounterGroup[]): Promise<void> {
  await client.query({
    name: 'rating-counters-insert',
    text: `insert into aforo_store.meter_counters
         (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
       select key.tenant_id, key.subscription_id, key.period_start, key.plan_id, key.plan_version, meter_no
       from ${GROUPS} cross join unnest(key.meters::integer[]) as meter (meter_no)
       order by 1, 2, 3, 4, 5, 6
       on conflict do nothing`,
    values: columnsOf(groups),
  })
}

/** What a counter has counted by now, at the place where it was locked; `clock` in microseconds since 1970. */
export interface MovedRow {
  readonly place: string
  readonly quantity: Decimal
  readonly amount: Decimal
  readonly clock: number
}

/**
 * Writes counters back at their places: nobody else can have moved them since.
 * @throws Error where one was not there
 */
export async function writeRows(client: pg.PoolClient, rows: readonly MovedRow[]): Promise<void> {
  if (rows.length === 0) return
  const { rowCount } = await client.query({
    name: 'rating-counters-write',
    text: `update aforo_store.meter_counters counter
       set quantity = moved.quantity, amount = moved.amount, rated_at = 'epoch'::timestamptz + moved.clock * interval '1 us'
       from unnest($1::tid[], $2::numeric[], $3::numeric[], $4::bigint[]) as moved (place, quantity, amount, clock)
       where counter.ctid = moved.place`,
    values: [
      plainArray(rows.map((row) => row.place)),
      plainArray(rows.map((row) => decimalText(row.quantity))),
      plainArray(rows.map((row) => decimalText(row.amount))),
      plainArray(rows.map((row) => row.clock)),
    ],
  })
  if (rowCount !== rows.length) throw new Error(`${rowCount} of ${rows.length} counters were written`)
}

/** Reads what counters have counted, by name and without a lock; those that are not there yet are left out. */
export async function readCounters(
  client: pg.PoolClient,
  keys: Iterable<MeterCounterKey>,
): Promise<ReadonlyMap<string, CounterState>> {
  const distinct = [...new Map([...keys].map((key) => [meterCounterName(key), key])).entries()]
  if (distinct.length === 0) return new Map()
  const { rows } = await client.query<{ no: number; quantity: string; amount: string }>({
    name: 'rating-counters-read',
    text: `select key.no::integer as no, counter.quantity::text as quantity, counter.amount::text as amount
       from ${GROUPS}
       join aforo_store.meter_counters counter on ${OF_KEY}`,
    values: columnsOf(distinct.map(([, { meterNo, ...of }]) => ({ of, meters: new Set([meterNo]) }))),
  })
  return new Map(
    rows.map(({ no, quantity, amount }) => [
      distinct[no - 1]![0],
      { quantity: new Decimal(quantity), amount: new Decimal(amount) },
    ]),
  )
}

function columnsOf(groups: readonly CounterGroup[]): unknown[] {
  return [
    groups.map(({ of }) => of.tenantId),
    plainArray(groups.map(({ of }) => of.subscriptionId)),
    plainArray(groups.map(({ of }) => new Date(of.periodStart).toISOString())),
    groups.map(({ of }) => of.planId),
    plainArray(groups.map(({ of }) => of.planVersion)),
    plainArray(groups.map(({ meters }) => `{${[...meters].join(',')}}`)),
  ]
}
