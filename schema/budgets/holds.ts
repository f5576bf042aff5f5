import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type {
  AskedHold,
  CounterKey,
  CounterStanding,
  Exchange,
  ExchangeReply,
  HoldRecord,
  LeaseGrant,
  Taken,
} from '../../core/lease.ts'
import type { HoldUse } from '../../core/open-trace.ts'
import type { Amounts } from '../../core/rate-card.ts'
import { scaled, scaledText } from '../../core/scaled.ts'
import { byKey } from '../by-key.ts'
import { gaveWay } from '../faults.ts'
import { transaction } from '../pool.ts'
import { endBySpan } from './book-holds.ts'
import { LEASE_MS } from './grant-lease.ts'
import { type BookLease, counterName, type ToldHold } from './lease-book.ts'
import { type HoldOrigin, type KeyRow, keyOf, type LockedBook, lockBook, WINDOW_START } from './lease-rows.ts'
import { writeBook } from './lease-writes.ts'
import { takeAsked } from './take-asked.ts'
import { endOverdue, takeIn } from './take-in.ts'

/** Holds and orders of one message. */
export const EXCHANGE_ROWS_MAX = 2_000
/** A message whose transaction gave way to another is taken in anew, so often in all. */
const EXCHANGE_TRIES_MAX = 5
/** Rows that are ended for being overdue at once. */
export const OVERDUE_ROWS_MAX = 500
/** Of whom no lease is read. */
const NO_SIDECAR = ''
/** An ended hold is remembered so long: a second settlement finds it. */
const HOLDS_KEPT = '7 days'

/**
 * Takes what a sidecar tells: its holds, how they ended, and what leases it would like. All of it or nothing, under the
 * locks of all counters it is about; told again it counts once.
 *
 * @throws AforoError `unavailable`, `body_too_large`
 */
export async function exchange(
  pool: pg.Pool,
  tenantId: TenantId,
  told: Exchange,
  now: Date,
): Promise<ExchangeReply> {
  const rows = told.holds.length + told.ends.length + told.orders.length
  if (rows > EXCHANGE_ROWS_MAX) {
    throw new AforoError('body_too_large', `more than ${EXCHANGE_ROWS_MAX} holds, ends and orders at once`)
  }
  const keys = [...told.orders.map(({ counter }) => counter), ...told.holds.flatMap(countersOf)]
  const holdIds = [...told.holds, ...told.ends].map(({ holdId }) => holdId)
  const take = async (client: pg.PoolClient): Promise<ExchangeReply> => {
    const book = await lockBook(client, tenantId, keys, holdIds, told.sidecarId, now)
    const newHolds = new Map(told.holds.map((hold) => [hold.holdId, hold]))
    const named = {
      ...told,
      holds: told.holds.map((hold) => toldHold(book, hold)),
      orders: told.orders.map((order) => ({ ...order, name: counterName(order.counter) })),
    }
    const { ends, leases } = takeIn(book, named, () => crypto.randomUUID(), now.getTime())
    const grants = told.orders.map(({ counter }, i) => grantReply(counter, leases[i]!))
    await writeBook(client, book, (holdId) => originOf(told.sidecarId, newHolds.get(holdId)), now)
    return { ends, grants, standings: standingsOf(book) }
  }
  for (let tries = 1; ; tries++) {
    try {
      return await inTransaction(pool, take)
    } catch (error) {
      // The database is well: a sidecar that was told `unavailable` would take the centre for away.
      if (tries === EXCHANGE_TRIES_MAX || !gaveWay(error)) throw error
    }
  }
}

/**
 * Takes holds of one tenant that sidecars ask for, in their order, each of all its counters or of none, under the locks of
 * all counters they are about.
 *
 * @returns in the order of the holds
 * @throws AforoError `unavailable`
 */
export async function takeHolds(
  pool: pg.Pool,
  tenantId: TenantId,
  asked: readonly AskedHold[],
  now: Date,
): Promise<readonly Taken[]> {
  const keys = asked.flatMap(({ hold }) => countersOf(hold))
  const origins = new Map(asked.map(({ sidecarId, hold }) => [hold.holdId, originOf(sidecarId, hold)]))
  return inTransaction(pool, async (client) => {
    const book = await lockBook(client, tenantId, keys, [...origins.keys()], NO_SIDECAR, now)
    const taken = asked.map(({ hold }) => takeAsked(book, toldHold(book, hold), now.getTime()))
    await writeBook(client, book, (holdId) => origins.get(holdId)!, now)
    const standings = new Map(standingsOf(book).map((standing) => [counterName(standing.counter), standing]))
    return asked.map(({ hold }, i) => ({
      isTaken: taken[i]!,
      standings: countersOf(hold).map((key) => standings.get(counterName(key))!),
    }))
  })
}

/**
 * Ends holds whose spans are counted in this transaction, so that what they held leaves `leased` as it comes to be in
 * `used`; what was used beyond what was taken is noted. An id that is unknown is marked: its hold may be told of later.
 * Locks the counters of the holds, and others beside them that the caller is about to move, in key order.
 *
 * @param beside as counters are named that have the same tenant
 * @throws a fault that passes (`gaveWay`) where a hold is told of in the same moment
 */
export async function endHolds(
  client: pg.ClientBase,
  tenantId: TenantId,
  told: readonly HoldUse[],
  now: Date,
  beside: readonly CounterKey[] = [],
): Promise<void> {
  const ids = [...new Set(told.map(({ holdId }) => holdId))]
  if (ids.length === 0) return
  await byKey(client, async () => {
    const book = await lockBook(client, tenantId, [], ids, NO_SIDECAR, now, beside)
    for (const { holdId, actual } of told) endBySpan(book, holdId, actual, now.getTime())
    await writeBook(client, book, () => originOf(null, undefined), now)
  })
}

/**
 * Ends holds and leases that nobody ended in time, and forgets holds that ended long ago, so many of each at once.
 * @returns how many; 0 where none is left
 */
export async function endOverdueHolds(pool: pg.Pool, now: Date): Promise<number> {
  const { rows } = await pool.query<{ tenant_id: string }>(
    `select distinct tenant_id from (
       (select tenant_id from aforo_store.budget_holds where holding and expires_at <= $1
        order by expires_at limit ${OVERDUE_ROWS_MAX})
       union all
       (select tenant_id from aforo_store.budget_leases where expires_at <= $1::timestamptz
        order by expires_at limit ${OVERDUE_ROWS_MAX})) due`,
    [now.toISOString()],
  )
  let ended = 0
  for (const { tenant_id } of rows) ended += await endOverdueOf(pool, tenant_id, now)
  const { rowCount: forgotten } = await pool.query(
    `with old as (
       select tenant_id, hold_id from aforo_store.budget_holds
       where not holding and changed_at < $1::timestamptz - interval '${HOLDS_KEPT}'
       order by changed_at limit ${OVERDUE_ROWS_MAX} for update skip locked),
     takes as (
       delete from aforo_store.budget_hold_takes take using old
       where take.tenant_id = old.tenant_id and take.hold_id = old.hold_id)
     delete from aforo_store.budget_holds hold using old
     where hold.tenant_id = old.tenant_id and hold.hold_id = old.hold_id`,
    [now.toISOString()],
  )
  return ended + (forgotten ?? 0)
}

async function endOverdueOf(pool: pg.Pool, tenantId: TenantId, now: Date): Promise<number> {
  return transaction(pool, async (client) => {
    const { rows: holds } = await client.query<{ hold_id: string }>(
      `select hold_id from aforo_store.budget_holds where tenant_id = $1 and holding and expires_at <= $2
       order by expires_at limit ${OVERDUE_ROWS_MAX}`,
      [tenantId, now.toISOString()],
    )
    const { rows: leases } = await client.query<KeyRow>(
      `select budget_id, counting_version, subject, ${WINDOW_START} as window_start
       from aforo_store.budget_leases where tenant_id = $1 and expires_at <= $2
       order by expires_at limit ${OVERDUE_ROWS_MAX}`,
      [tenantId, now.toISOString()],
    )
    const ids = holds.map(({ hold_id }) => hold_id)
    return byKey(client, async () => {
      const book = await lockBook(client, tenantId, leases.map(keyOf), ids, null, now)
      const before = book.leases.size
      endOverdue(book, now.getTime())
      await writeBook(client, book, () => originOf(null, undefined), now)
      return ids.length + before - book.leases.size
    })
  })
}

/** A transaction that finds all of its rows by key. */
function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return transaction(pool, (client) => byKey(client, () => work(client)))
}

function countersOf({ takes }: HoldRecord): readonly CounterKey[] {
  return takes.map(({ counter }) => counter)
}

/** Of a budget that has ended nothing tells the unit any more; then the hold holds nothing that would need one. */
function toldHold(book: LockedBook, hold: HoldRecord): ToldHold {
  const takes = hold.takes.map(({ counter, leaseId, amount }) => {
    const name = counterName(counter)
    const unit = (book.standings.get(name)?.budget?.unit ?? 'price') as keyof Amounts
    return { counter: name, unit, leaseId, amount: scaled(amount) }
  })
  const { holdId, card, isWork, msLeft, end } = hold
  return { holdId, takes, card, isWork, msLeft, end }
}

function originOf(sidecarId: string | null, hold: HoldRecord | undefined): HoldOrigin {
  const nobody = { customer: null, product: null, agent: null, session: null, trace: null }
  return {
    sidecarId,
    spender: hold?.spender ?? nobody,
    model: hold?.model ?? null,
    heldBy: hold?.heldBy ?? 'price',
  }
}

function grantReply(counter: CounterKey, lease: BookLease | null): LeaseGrant {
  return {
    counter,
    leaseId: lease?.leaseId ?? null,
    amount: scaledText(lease?.amount ?? 0n),
    msValid: LEASE_MS,
  }
}

function standingsOf(book: LockedBook): readonly CounterStanding[] {
  return [...book.standings].map(([name, { key, version, used, usedCogs, limit }]) => {
    const { leased } = book.counters.get(name)!
    const isWritten = book.before.leased.get(name) !== leased
    return {
      counter: key,
      version: isWritten ? version + 1 : version,
      used,
      usedCogs,
      leased: scaledText(leased),
      limit,
    }
  })
}
