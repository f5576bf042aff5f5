import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ModelCall } from '../../core/assembly.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { approveProposal } from '../../rating/prices/updates/decide.ts'
import { createRater, type Rater } from '../../rating/rater.ts'
import { simulate } from '../../rating/simulation/simulate.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { booksOf } from './books.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storeOverride, storePlan } from './events.ts'
import { importText, priceRow, proposals, rowFile } from './price-catalogues.ts'

const PLAN = { currency: 'USD', meters: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '100' }] }
const DAY = 86_400_000
const days = (count: number) => new Date(NOON.getTime() + count * DAY)
const iso = (count: number) => days(count).toISOString()
const nano = (count: number) => BigInt(days(count).getTime()) * 1_000_000n
/** Price of a thousand tokens; calls count in thousands as well. */
const price = (text: string, of: Record<string, unknown> = {}) =>
  priceRow({ unit_price: text, per: '1000', ...of })

let db: TestDatabase
let rater: Rater
beforeEach(async () => {
  db = await testDatabase()
  rater = createRater(db)
  await storePlan(db.pool, 'team', PLAN)
  await storeCustomer(db.pool, 'acme', 'team')
  await storeCustomer(db.pool, 'globex', 'team')
  await importText(db.pool, rowFile([price('3')], false), days(-40))
  await approveAll(days(-40))
})
afterEach(() => db.drop())

const call = (no: number, tokens: number, at = 0, of: Partial<ModelCall> = {}) =>
  modelCall(no, {
    ...{ provider: 'acme', model: 'm-1', requestModel: null },
    buckets: { ...NO_TOKENS, inputUncached: tokens * 1000 },
    ...{ startNano: nano(at), endNano: nano(at) },
    ...of,
  })
const store = (
  traceNo: number,
  calls: readonly ModelCall[],
  of: { revision?: number; customer?: string } = {},
) =>
  storeEvent(db.pool, {
    traceNo,
    customer: 'acme',
    assembly: assemblyOf({ calls, startNano: calls[0]?.startNano ?? nano(0) }),
    ...of,
  })

async function approveAll(now: Date): Promise<void> {
  for (const { id, decision } of await proposals(db.pool)) {
    if (decision === null) await transaction(db.pool, (client) => approve(client, id, now))
  }
}
const approve = (client: pg.PoolClient, proposalId: string, now: Date) =>
  approveProposal(client, { proposalId, by: 'ada', reason: 'their list' }, now)

/** The catalogue says that the price was another one since an instant; both proposals of it are approved, or only made. */
async function dateBack(text: string, since: number, now: number, before = '3'): Promise<void> {
  await importText(
    db.pool,
    rowFile(
      [price(before, { effective_to: iso(since) }), price(text, { effective_from: iso(since) })],
      false,
    ),
    days(now),
  )
}

async function adjustments(eventId?: string): Promise<readonly string[]> {
  const { rows } = await db.pool.query(
    `select customer_id || ' ' || revision || ': ' || trim_scale(quantity / 1000) || ' from ' || trim_scale(old_unit_price) || ' to ' ||
       trim_scale(new_unit_price) || ' = ' || trim_scale(delta) as line
     from aforo_store.cogs_adjustments where $1::text is null or event_id = $1 order by adjustment_id`,
    [eventId],
  )
  return rows.map((row) => row.line)
}

describe('a back-dated price', () => {
  test('tells its effect before, books it when approved, and leaves costs and prices as they were', async () => {
    const first = await store(1, [call(1, 10), call(2, 5, -2)])
    await store(2, [call(3, 7)], { customer: 'globex' })
    await store(3, [call(4, 9, -20)])
    await rater.rate(NOON)
    const before = await booksOf(db.pool, first)
    await dateBack('2', -1, 1)
    const { rows } = await db.pool.query(
      `select effects from aforo_store.price_proposals where kind = 'back_dated'`,
    )
    expect(rows).toEqual([{ effects: [{ tenant: 'default', events: 2, customers: 2, usd: '-17' }] }])
    expect(await adjustments(), 'nothing is booked yet').toEqual([])
    await approveAll(days(2))
    expect(await adjustments()).toEqual(['acme 0: 10 from 3 to 2 = -10', 'globex 0: 7 from 3 to 2 = -7'])
    expect(await booksOf(db.pool, first)).toEqual(before)
    const entry = await db.pool.query('select distinct reason, approver from aforo_store.cogs_adjustments')
    expect(entry.rows).toEqual([{ reason: 'their list', approver: 'ada' }])
  })

  test('is not booked twice by later revisions, and follows what they change', async () => {
    const event = await store(1, [call(1, 10)])
    await rater.rate(NOON)
    await dateBack('2', -1, 1)
    await approveAll(days(2))
    await store(1, [call(1, 10), call(2, 4)], { revision: 1 })
    await rater.rate(days(3))
    expect(await adjustments(), 'what comes later has the new price').toEqual([
      'acme 0: 10 from 3 to 2 = -10',
    ])
    expect((await booksOf(db.pool, event)).cogs).toBe('38')
    await store(1, [call(2, 4)], { revision: 2 })
    await rater.rate(days(4))
    expect(await adjustments()).toEqual(['acme 0: 10 from 3 to 2 = -10', 'acme 2: -10 from 3 to 2 = 10'])
    expect((await booksOf(db.pool, event)).cogs).toBe('8')
    await store(1, [call(1, 6), call(2, 4)], { revision: 3, customer: 'globex' })
    await rater.rate(days(5))
    expect((await booksOf(db.pool, event)).cogs, 'what left and came back is costed anew').toBe('20')
    expect((await adjustments()).length).toBe(2)
  })

  test('goes over to the customer that the event goes to', async () => {
    await store(1, [call(1, 10)])
    await rater.rate(NOON)
    await dateBack('2', -1, 1)
    await approveAll(days(2))
    await store(1, [call(1, 10)], { revision: 1, customer: 'globex' })
    await rater.rate(days(3))
    expect((await adjustments()).slice(1).sort()).toEqual([
      'acme 1: -10 from 3 to 2 = 10',
      'globex 1: 10 from 3 to 2 = -10',
    ])
  })

  test('does not reach what an override prices', async () => {
    await storeOverride(db.pool, {
      provider: 'acme',
      model: 'm-1',
      meter: 'input_uncached',
      unitPrice: '5',
      per: '1000',
    })
    await store(1, [call(1, 10)])
    await rater.rate(NOON)
    await dateBack('2', -1, 1)
    await approveAll(days(2))
    expect(await adjustments()).toEqual([])
  })

  test('after another one goes on from where that one left', async () => {
    await store(1, [call(1, 10)])
    await rater.rate(NOON)
    await dateBack('2', -1, 1)
    await approveAll(days(2))
    await store(2, [call(2, 6)])
    await rater.rate(days(2))
    await dateBack('1', -1, 3)
    await approveAll(days(4))
    expect(await adjustments()).toEqual([
      'acme 0: 10 from 3 to 2 = -10',
      'acme 0: 10 from 2 to 1 = -10',
      'acme 0: 6 from 2 to 1 = -6',
    ])
  })

  test('shows in margins and views, with every sum the same', async () => {
    await store(1, [call(1, 10)])
    await store(2, [call(2, 6)], { customer: 'globex' })
    await rater.rate(NOON)
    await dateBack('2', -1, 1)
    await approveAll(days(2))
    const sums = async (text: string) =>
      (await db.pool.query({ text, rowMode: 'array' })).rows.map((row) => row.map(Number))
    await db.pool.query(
      `insert into aforo_store.login_tenants (login, tenant_id) values (session_user, 'default') on conflict do nothing`,
    )
    expect(await sums('select sum(cogs), sum(revenue), sum(margin) from aforo.margin_by_model')).toEqual([
      [32, 96, 64],
    ])
    expect(await sums('select cogs, revenue, margin from aforo.margin_by_customer order by cogs')).toEqual([
      [12, 36, 24],
      [20, 60, 40],
    ])
    expect(await sums('select sum(quantity) / 1000, sum(amount) from aforo.vendor_costs')).toEqual([[16, 32]])
    expect(
      await sums(
        'select sum(quantity) / 1000, sum(amount) from aforo.vendor_costs group by unit_price order by unit_price',
      ),
    ).toEqual([
      [16, 32],
      [0, 0],
    ])
    expect(
      await sums('select cogs, cogs_adjustment, margin from aforo.billable_events order by cogs'),
    ).toEqual([
      [18, -6, 24],
      [30, -10, 40],
    ])
    // A simulation goes by what was booked, as charges did.
    const span = { from: iso(-23), to: iso(7) }
    const order = { ...span, tenantId: 'default', now: iso(8), plan: null, customers: null }
    const whole = { switches: [], tokenRatios: ['1'] as const, markupPct: null, eventsMax: null }
    const { totals, booked } = await simulate(db.pool, { ...order, ...whole }, new AbortController().signal)
    expect([totals.before.cogs, totals.after.cogs, booked.cogs_difference]).toEqual(['48', '48', '0'])
  })
})

describe('approving while others work', () => {
  test('every event that is rated at the same time is adjusted once or costs the new price', async () => {
    for (let no = 1; no <= 60; no++) await store(no, [call(no, no)])
    await dateBack('2', -1, 1)
    const raters = [1, 2, 3].map(() => createRater(db))
    const rating = Promise.all(raters.map((each) => each.rate(NOON, 20)))
    await approveAll(days(2))
    await rating
    await rater.rate(days(3))
    const { rows } = await db.pool.query(
      `select event_id, sum(amount)::float8 as amount, sum(quantity)::float8 as quantity from (
         select event_id, amount, quantity from aforo_store.cost_lines
         union all select event_id, delta, 0 from aforo_store.cogs_adjustments) line
       group by event_id having sum(amount) * 1000 <> 2 * sum(quantity)`,
    )
    expect(rows).toEqual([])
    expect(
      (await db.pool.query('select count(distinct event_id)::int as count from aforo_store.cost_lines'))
        .rows[0].count,
    ).toBe(60)
  })

  test('a crash between any two statements leaves nothing behind, and the next try does it all', async () => {
    await store(1, [call(1, 10)])
    await rater.rate(NOON)
    await dateBack('2', -1, 1)
    const { id } = (await proposals(db.pool)).find(({ kind }) => kind === 'back_dated')!
    const state = async () =>
      (
        await db.pool.query(`select (select count(*) from aforo_store.price_decisions) || '/' || (select count(*) from aforo_store.cogs_adjustments)
        || '/' || (select count(*) from aforo_store.price_rows) as state`)
      ).rows[0].state
    const before = await state()
    let crashes = 0
    for (let at = 1; ; at++) {
      const done = await transaction(db.pool, (client) => approve(crashingAt(client, at), id, days(2))).then(
        () => true,
        () => false,
      )
      if (done) break
      crashes++
      expect(await state(), `after statement ${at}`).toBe(before)
    }
    expect(crashes).toBeGreaterThan(8)
    expect(await adjustments()).toEqual(['acme 0: 10 from 3 to 2 = -10'])
  })
})

/** A connection that is lost when the n-th statement is sent. */
function crashingAt(client: pg.PoolClient, statement: number): pg.PoolClient {
  let sent = 0
  return new Proxy(client, {
    get(target, name) {
      if (name !== 'query') return Reflect.get(target, name)
      return (...args: unknown[]) => {
        if (++sent === statement) throw new Error('connection lost')
        return (target.query as (...all: unknown[]) => unknown)(...args)
      }
    },
  })
}
