import type pg from 'pg'
import { COUNT_UNITS, type Spender } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Actual, CounterKey, HoldState } from '../../core/lease.ts'
import type { Amounts, RateCard } from '../../core/rate-card.ts'
import { scaled } from '../../core/scaled.ts'
import {
  type BookCounter,
  type BookHold,
  type BookLease,
  type BookTake,
  counterName,
  type LeaseBook,
  leaseName,
} from './lease-book.ts'
import { columnsOf, readStandings, type Standing } from './standings.ts'

/** What the centre notes of a hold beside what it holds. */
export interface HoldOrigin {
  readonly sidecarId: string | null
  readonly spender: Spender
  readonly model: string | null
  readonly heldBy: 'price' | 'estimate'
}

/** A book of rows that this transaction has locked, and what they were. */
export interface LockedBook extends LeaseBook {
  readonly tenantId: TenantId
  readonly standings: ReadonlyMap<string, Standing>
  /** As it was read, by the names of the book. */
  readonly before: {
    readonly leased: ReadonlyMap<string, bigint>
    readonly leases: ReadonlyMap<string, string>
    readonly holds: ReadonlyMap<string, string>
  }
}

/**
 * Locks counters and holds, and reads them with the leases of the counters. Counters come first, in the order of the
 * key, made where they are not there yet; then holds, by id: everybody who changes them does so in this order.
 *
 * @throws a fault that passes (`gaveWay`) where a hold was told of just then: to be tried again
 * @param sidecarId whose leases are read; null: everybody's, empty: nobody's
 * @param beside counters that are locked with them, and not read
 */
export async function lockBook(
  client: pg.ClientBase,
  tenantId: TenantId,
  wanted: readonly CounterKey[],
  holdIds: readonly string[],
  sidecarId: string | null,
  now: Date,
  beside: readonly CounterKey[] = [],
): Promise<LockedBook> {
  const keys = new Map(wanted.map((key) => [counterName(key), key]))
  for (const key of await countersOfHolds(client, tenantId, holdIds)) keys.set(counterName(key), key)
  const all = [...keys.values()]
  const others = beside.filter((key) => !keys.has(counterName(key)))
  await lockCounters(client, tenantId, all, others)
  const standings = await readStandings(client, tenantId, all, now)
  const holds = await lockHolds(client, tenantId, holdIds)
  const leases = await readLeases(client, tenantId, all, sidecarId)
  const counters = new Map(standings.map((standing) => [counterName(standing.key), bookCounter(standing)]))
  for (const { takes } of holds.values()) {
    // It was told of after its counters were looked for. They are locked before holds, so all is to be done again.
    if (takes.some(({ counter }) => !counters.has(counter))) throw cameMeanwhile()
  }
  return {
    tenantId,
    counters,
    leases,
    holds,
    standings: new Map(standings.map((standing) => [counterName(standing.key), standing])),
    before: {
      leased: new Map([...counters].map(([name, { leased }]) => [name, leased])),
      leases: new Map([...leases].map(([name, lease]) => [name, stateOf(lease)])),
      holds: new Map([...holds].map(([name, hold]) => [name, stateOf(hold)])),
    },
  }
}

/** A state to compare with: what is written is what has changed. */
export function stateOf(row: BookLease | BookHold): string {
  return JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
}

/** The counters that holds have taken something of. */
async function countersOfHolds(
  client: pg.ClientBase,
  tenantId: TenantId,
  holdIds: readonly string[],
): Promise<readonly CounterKey[]> {
  if (holdIds.length === 0) return []
  const { rows } = await client.query<KeyRow>(
    `select distinct budget_id, counting_version, subject, ${WINDOW_START} as window_start
     from aforo_store.budget_hold_takes where tenant_id = $1 and hold_id = any($2)`,
    [tenantId, holdIds],
  )
  return rows.map(keyOf)
}

export interface KeyRow {
  readonly budget_id: string
  readonly counting_version: number
  readonly subject: string
  readonly window_start: string
}

/** As keys have it: RFC 3339 to the millisecond, or -infinity. */
export const WINDOW_START = `case when isfinite(window_start)
  then to_char(window_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') else window_start::text end`

export function keyOf(row: KeyRow): CounterKey {
  return {
    budgetId: row.budget_id,
    counting: row.counting_version,
    subject: row.subject,
    windowStart: row.window_start,
  }
}

/*
 * Rows are looked up key by key, by subqueries that nothing can turn around: what the planner thinks of a table may be what it
 * was before a burst, and a plan that reads all counters of a tenant for each of many keys takes the square of the time.
 */
const KEYS = `select * from unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[])
  as key (budget_id, counting_version, subject, window_start)`
const IS_OF_KEY = `budget_id = key.budget_id and counting_version = key.counting_version and subject = key.subject
  and window_start = key.window_start`

/**
 * Counters are made and locked in one order: who makes one holds it, so all of those that are wanted with it are locked by the
 * statement that makes it.
 * @param moved those that are about to be moved: floors of the margin among them are made too
 */
async function lockCounters(
  client: pg.ClientBase,
  tenantId: TenantId,
  keys: readonly CounterKey[],
  moved: readonly CounterKey[],
): Promise<void> {
  const all = [...keys, ...moved]
  if (all.length === 0) return
  const values = [tenantId, ...columnsOf(all)]
  const ofFloors = all.map((_, i) => i >= keys.length)
  const { rows } = await client.query<{ is_missing: boolean }>({
    name: 'budget-miss-counters',
    text: `select exists (select from ${TO_BE_MADE} where counter.place is null) as is_missing`,
    values: [...values, ofFloors],
  })
  if (rows[0]!.is_missing) {
    await client.query({
      name: 'budget-make-counters',
      text: `insert into aforo_store.budget_counters as counter (tenant_id, budget_id, counting_version, subject,
         window_start, slots, used_cogs)
       select $1, key.budget_id, key.counting_version, key.subject, key.window_start,
         case when version.body ->> 'window' in ('day', 'hour') then '{}'::jsonb end,
         case when version.body ->> 'unit' = 'margin_pct' then 0 end
       from ${TO_BE_MADE}
       order by 2, 3, 4, 5
       on conflict (tenant_id, budget_id, counting_version, subject, window_start) do update set leased = counter.leased`,
      values: [...values, ofFloors],
    })
  }
  await client.query({
    name: 'budget-lock-counters',
    text: `select from (${KEYS} order by 1, 2, 3, 4 offset 0) key
     cross join lateral (
       select from aforo_store.budget_counters where tenant_id = $1 and ${IS_OF_KEY} for update) counter`,
    values,
  })
}

/** Those there may be, and where they are if they are there. A floor of the margin has no leases: nobody makes it for one. */
const TO_BE_MADE = `(
    select * from unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[], $6::boolean[])
      as key (budget_id, counting_version, subject, window_start, is_floor_made)) key
  cross join lateral (
    select body from aforo_store.budget_versions
    where tenant_id = $1 and budget_id = key.budget_id and version = key.counting_version offset 0) version
  left join lateral (
    select ctid as place from aforo_store.budget_counters where tenant_id = $1 and ${IS_OF_KEY} offset 0) counter
    on true
  join lateral (
    select where version.body ->> 'unit' <> 'margin_pct' or key.is_floor_made or counter.place is not null) may_be
    on true`

/**
 * What is not there cannot be locked: a hold that a sidecar tells of and a span of it that is counted may both find nothing
 * and both write it. Whoever comes second has decided without the other, and must read again: over what the first one wrote
 * a hold would be told to be over and hold what it took for ever.
 */
export function cameMeanwhile(): Error {
  return Object.assign(new Error('a hold came to be known meanwhile'), { code: SERIALIZATION_FAILURE })
}

const SERIALIZATION_FAILURE = '40001'

/** Only a hard limit is one that leases must keep to. */
function bookCounter({ key, used, usedCogs, leased, budget, limit }: Standing): BookCounter {
  const isHard = budget?.mode === 'hard' && budget.unit !== 'margin_pct' && limit !== null
  return {
    name: counterName(key),
    key,
    limit: isHard ? scaled(limit) : null,
    isWhole: budget !== null && COUNT_UNITS.has(budget.unit),
    used: scaled(used),
    usedCogs: usedCogs === null ? null : scaled(usedCogs),
    leased: scaled(leased),
  }
}

interface LeaseRow extends KeyRow {
  readonly sidecar_id: string
  readonly lease_id: string
  readonly amount: string
  readonly seq: string
  readonly expires_at: string
}

async function readLeases(
  client: pg.ClientBase,
  tenantId: TenantId,
  keys: readonly CounterKey[],
  sidecarId: string | null,
): Promise<Map<string, BookLease>> {
  if (sidecarId === '') return new Map()
  const { rows } = await client.query<LeaseRow>({
    name: 'budget-read-leases',
    text: `select budget_id, counting_version, subject, ${WINDOW_START} as window_start, lease.*
     from (${KEYS}) key
     cross join lateral (
       select sidecar_id, lease_id, amount::text as amount, seq::text as seq,
         (extract(epoch from expires_at) * 1000)::bigint::text as expires_at
       from aforo_store.budget_leases
       where tenant_id = $1 and ${IS_OF_KEY} and ($6::text is null or sidecar_id = $6) offset 0) lease`,
    values: [tenantId, ...columnsOf(keys), sidecarId],
  })
  return new Map(
    rows.map((row) => {
      const counter = counterName(keyOf(row))
      const lease: BookLease = {
        leaseId: row.lease_id,
        counter,
        sidecarId: row.sidecar_id,
        amount: scaled(row.amount),
        seq: Number(row.seq),
        expiresAt: Number(row.expires_at),
      }
      return [leaseName(counter, row.sidecar_id), lease]
    }),
  )
}

interface HoldRow {
  readonly hold_id: string
  readonly state: HoldState
  readonly settled_by: 'call' | 'span' | null
  readonly late: boolean
  readonly card: RateCard
  readonly of_work: boolean
  readonly actual: Actual | null
  readonly told: Actual | null
  readonly expires_at: string
}

interface TakeRow extends KeyRow {
  readonly hold_id: string
  readonly unit: keyof Amounts
  readonly taken: string
  readonly held: string
  readonly over: string
}

async function lockHolds(
  client: pg.ClientBase,
  tenantId: TenantId,
  holdIds: readonly string[],
): Promise<Map<string, BookHold>> {
  if (holdIds.length === 0) return new Map()
  const { rows } = await client.query<HoldRow>({
    name: 'budget-lock-holds',
    text: `select hold_id, state, settled_by, late, card, of_work, actual, told,
       (extract(epoch from expires_at) * 1000)::bigint::text as expires_at
     from aforo_store.budget_holds where tenant_id = $1 and hold_id = any($2) order by hold_id for update`,
    values: [tenantId, holdIds],
  })
  if (rows.length === 0) return new Map()
  const { rows: taken } = await client.query<TakeRow>({
    name: 'budget-read-takes',
    text: `select hold_id, budget_id, counting_version, subject, ${WINDOW_START} as window_start, unit,
       taken::text as taken, held::text as held, over::text as over
     from aforo_store.budget_hold_takes where tenant_id = $1 and hold_id = any($2)
     order by hold_id, budget_id, counting_version, subject, window_start`,
    values: [tenantId, rows.map((row) => row.hold_id)],
  })
  const takesOf = Map.groupBy(taken, (row) => row.hold_id)
  return new Map(rows.map((row) => [row.hold_id, bookHold(row, takesOf.get(row.hold_id) ?? [])]))
}

function bookHold(row: HoldRow, taken: readonly TakeRow[]): BookHold {
  const over = taken.flatMap((take): [string, bigint][] => {
    const amount = scaled(take.over)
    return amount === 0n ? [] : [[counterName(keyOf(take)), amount]]
  })
  return {
    holdId: row.hold_id,
    state: row.state,
    settledBy: row.settled_by,
    late: row.late,
    takes: taken.map((take): BookTake => {
      const counter = counterName(keyOf(take))
      return { counter, unit: take.unit, taken: scaled(take.taken), held: scaled(take.held) }
    }),
    card: row.card,
    isWork: row.of_work,
    actual: row.actual,
    told: row.told,
    over: Object.fromEntries(over),
    expiresAt: Number(row.expires_at),
  }
}
