import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditAll } from '../../cmd/audit/run.ts'
import { comparisonLines, replayAndCompare } from '../../cmd/replay.ts'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { refillDue } from '../../rating/ledger/refill-due.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { approveProposal } from '../../rating/prices/updates/decide.ts'
import { importPrices } from '../../rating/prices/updates/import-prices.ts'
import { sourceOfText } from '../../rating/prices/updates/read-source.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { transaction } from '../../schema/pool.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { storeCustomer, storePlan } from '../rating/events.ts'
import { callOf, NOON_NANO, noon, spanIdOf } from '../support/usages.ts'
import { openBooks, PLAN } from './books.ts'

/**
 * Four months of two customers: a price that is corrected, one that is dated back, a plan that changes within a period,
 * grants that roll over, invoices that are finalised, paid, made void and followed by a credit note; all of it done
 * again in an empty database, and every number that goes outward compared.
 */

const DAY = 86_400
/** Seconds from noon of 2026-11-23 to noon of a day of 2026. */
const dayOf = (month: number, day: number) => (Date.UTC(2026, month - 1, day, 12) - noon(0).getTime()) / 1000
const iso = (seconds: number) => noon(seconds).toISOString()

const LARGE = { ...PLAN, meters: [...PLAN.meters.slice(0, 3)], minimum: '2', discount_pct: '7' }
const CREDITED = {
  ...PLAN,
  bill_as: 'credits',
  overage: { unit_price: '0.012' },
  grants: [{ name: 'monthly', amount: '3', kind: 'promo', rollover: { max: '2' } }],
}

let from: RunningApi
let to: RunningApi
let comparisons: Awaited<ReturnType<typeof replayAndCompare>>['comparisons']
beforeAll(async () => {
  from = await startApi()
  to = await startApi()
  await live(from)
  comparisons = (await replayAndCompare(from.database.pool, to.database.pool, SILENT)).comparisons
})
afterAll(async () => {
  await from.stop()
  await to.stop()
})

async function live(api: RunningApi): Promise<void> {
  const { pool } = api.database
  const books = openBooks(pool)
  const start = dayOf(7, 1)
  await seedPriceBook(pool, noon(start))
  await storePlan(pool, 'small', PLAN)
  await storePlan(pool, 'large', LARGE, iso(start))
  await storePlan(pool, 'credited', CREDITED, iso(start))
  await storeCustomer(pool, 'acme', 'small')
  await storeCustomer(pool, 'initech')
  await pool.query(
    `insert into aforo_store.subscriptions
       (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     values ('default', 'initech', 'credited', $1, 'UTC', 1, $1), ('default', 'acme', 'large', $2, 'UTC', 1, $3)`,
    [iso(dayOf(7, 31) + DAY / 2), iso(dayOf(8, 15) + DAY / 2), iso(dayOf(8, 10))],
  )
  const ledger = async (seconds: number) => {
    await refillDue(pool, SILENT, noon(seconds))
    await expireDue(pool, noon(seconds))
  }
  const use = async (seconds: number, trace: string, fields: Partial<Usage>, span = 'root') => {
    await ledger(seconds)
    const startNano = NOON_NANO + BigInt(seconds) * 1_000_000_000n
    await books.push(seconds, callOf(trace, span, { startNano, endNano: startNano + 5n, ...fields }))
    await books.cut(seconds + 40)
    await books.rate(seconds + 40)
  }
  const tokens = (inputUncached: number, outputText: number) => ({
    buckets: { ...callOf('', '').buckets, inputUncached, outputText },
  })
  const finish = async (customer: string, month: number, now: number): Promise<string> => {
    api.clock = noon(now)
    const period = {
      period_from: iso(dayOf(month, 1) - DAY / 2),
      period_to: iso(dayOf(month + 1, 1) - DAY / 2),
    }
    const draft = await api.post('/v1/invoices', { customer, ...period })
    expect(draft.status, JSON.stringify(draft.body)).toBe(201)
    const final = await api.post(`/v1/invoices/${draft.body.invoice_id}/finalize`, {})
    expect(final.status, JSON.stringify(final.body)).toBe(200)
    return draft.body.invoice_id
  }

  await use(dayOf(8, 3), 'first', { ...tokens(500, 70), customer: 'acme' })
  await use(dayOf(8, 4), 'many', { ...tokens(90_000, 7_000), customer: 'acme' })
  await use(dayOf(8, 5), 'credits', { ...tokens(11, 3), customer: 'initech' })
  // A price that was wrong: what is booked keeps it.
  await books.price(dayOf(8, 6), 'anthropic', 'claude-sonnet-4-5', 'input_uncached', '0.0000035')
  await use(dayOf(8, 7), 'corrected', { ...tokens(1_000, 10), customer: 'acme' })
  // The other plan since the 16th.
  await use(dayOf(8, 20), 'changed', { ...tokens(2_000, 800), customer: 'acme' })
  await transaction(pool, (client) =>
    recordGrant(
      client,
      { tenantId: 'default', customerId: 'initech' },
      { amount: '4', kind: 'paid', priority: 9, effectiveAt: null, expiresAt: iso(dayOf(10, 20)) },
      noon(dayOf(8, 21)),
    ),
  )
  await use(dayOf(8, 22), 'more credits', { ...tokens(700, 30), customer: 'initech' })
  await dateBack(api)
  const august = await finish('acme', 8, dayOf(9, 2))
  await finish('initech', 8, dayOf(9, 2) + 60)
  api.clock = noon(dayOf(9, 3))
  await api.post(`/v1/invoices/${august}/pay`, {})
  // A call that turns out to be the wrapper of a far smaller one: August was billed too high.
  await use(
    dayOf(9, 4),
    'many',
    {
      ...tokens(900, 70),
      ...{ customer: 'acme', parentSpanId: spanIdOf('root'), responseId: 'msg_01AAAAAAAAAAAAAAAAAAAAAA' },
      startNano: NOON_NANO + BigInt(dayOf(8, 4)) * 1_000_000_000n,
      endNano: NOON_NANO + BigInt(dayOf(8, 4)) * 1_000_000_000n + 2n,
    },
    'inner',
  )
  await use(dayOf(9, 9), 'september', { ...tokens(300, 60), customer: 'acme' })
  await use(dayOf(9, 10), 'september credits', { ...tokens(400, 9), customer: 'initech' })
  const september = await finish('acme', 9, dayOf(10, 2))
  api.clock = noon(dayOf(10, 3))
  await api.post(`/v1/invoices/${september}/void`, {})
  await finish('acme', 9, dayOf(10, 4))
  await finish('initech', 9, dayOf(10, 4) + 60)
  await use(dayOf(10, 9), 'october', { ...tokens(77, 7), customer: 'acme' })
  await ledger(dayOf(11, 2))
  api.clock = noon(dayOf(11, 2))
}

async function dateBack({ database: { pool } }: RunningApi): Promise<void> {
  const of = { provider: 'anthropic', model: 'claude-sonnet-4-5', meter: 'output' }
  const since = iso(dayOf(8, 2))
  const prices = [
    { ...of, unit_price: '15', effective_to: since },
    { ...of, unit_price: '14', effective_from: since },
  ]
  const catalogue = sourceOfText('list.json', JSON.stringify({ prices }))
  const now = noon(dayOf(8, 25))
  await transaction(pool, (client) => importPrices(client, { catalogue, second: null, now }))
  const { rows } = await pool.query<{ id: string }>(
    `select proposal_id::text as id from aforo_store.price_proposals where kind = 'back_dated'`,
  )
  const order = { proposalId: rows[0]!.id, by: 'ada', reason: 'their price list' }
  await transaction(pool, (client) => approveProposal(client, order, noon(dayOf(8, 26))))
}

/** Every page of a list, without ids that are of one database alone. */
async function listed(api: RunningApi, path: string): Promise<readonly unknown[]> {
  const data: unknown[] = []
  let cursor: string | null = null
  do {
    const mark: string = path.includes('?') ? '&' : '?'
    const { status, body } = await api.get(cursor === null ? path : `${path}${mark}cursor=${cursor}`)
    expect([path, status, body.faults ?? null]).toEqual([path, 200, null])
    data.push(...body.data)
    cursor = body.next_cursor
  } while (cursor !== null)
  return data
}

describe('everything done again in an empty database', () => {
  test('is a world with all that was to be in it', async () => {
    const { rows } = await from.database.pool.query(
      `select kind, status, count(*)::int as count from aforo_store.invoices group by 1, 2 order by 1, 2`,
    )
    expect(rows).toEqual([
      { kind: 'credit_note', status: 'open', count: 1 },
      { kind: 'invoice', status: 'open', count: 3 },
      { kind: 'invoice', status: 'paid', count: 1 },
      { kind: 'invoice', status: 'void', count: 1 },
    ])
    const { rows: found } = await from.database.pool.query(
      `select (select count(*) from aforo_store.cogs_adjustments where delta <> 0)::int as adjusted,
         (select count(*) from aforo_store.credit_grants where rolled)::int as rolled,
         (select count(distinct plan_id) from aforo_store.price_lines)::int as plans`,
    )
    expect(found[0].adjusted).toBeGreaterThan(0)
    expect(found[0].rolled).toBeGreaterThan(0)
    expect(found[0].plans).toBe(3)
  })

  test('has no difference, and books without a gap', async () => {
    expect(comparisonLines(comparisons).filter((line) => line.startsWith('difference'))).toEqual([])
    expect(comparisons.find(({ name }) => name === 'invoices')?.rows).toBe(6)
    for (const { database } of [from, to]) {
      const report = await auditAll(
        database.url,
        { tenantId: null, from: '-infinity', to: 'infinity' },
        noon(dayOf(11, 3)),
      )
      expect([report.gapCount, [...report.pendings]]).toEqual([0, []])
    }
  })

  test.each([
    '/v1/events?limit=2',
    '/v1/margins?group_by=model&from=2026-08-01T00:00:00Z&to=2026-11-01T00:00:00Z',
    '/v1/margins?group_by=customer&from=2026-08-01T00:00:00Z&to=2026-11-01T00:00:00Z',
    '/v1/margins?group_by=day&from=2026-08-01T00:00:00Z&to=2026-11-01T00:00:00Z',
    '/v1/invoices',
    '/v1/prices/proposals',
    '/v1/exceptions',
  ])('answers as before: %s', async (path) => {
    to.clock = from.clock
    const before = await listed(from, path)
    expect(await listed(to, path)).toEqual(before)
    if (!path.includes('exceptions')) expect(before.length).toBeGreaterThan(0)
  })

  test('has every invoice in each of its forms, and the same balance', async () => {
    const invoices = (await listed(from, '/v1/invoices')) as readonly { invoice_id: string }[]
    for (const { invoice_id: id } of invoices) {
      for (const accept of ['application/json', 'text/html']) {
        const [before, after] = await Promise.all(
          [from, to].map(async (api) => (await api.get(`/v1/invoices/${id}`, { accept })).body),
        )
        expect(after).toEqual(before)
      }
      const { body } = await to.get(`/v1/invoices/${id}/audit`)
      expect(body).toMatchObject({ invoice_id: id, agrees: true })
    }
    for (const at of [8, 9, 10, 11]) {
      const path = `/v1/customers/initech/balance?at=${iso(dayOf(at, 1))}`
      const [before, after] = await Promise.all([from, to].map(async (api) => (await api.get(path)).body))
      expect(after).toEqual(before)
    }
    // A grant that a plan made has an id of its own there.
    const entries = await Promise.all(
      [from, to].map((api) => listed(api, '/v1/customers/initech/ledger?limit=3')),
    )
    const [before, after] = entries.map((page) =>
      JSON.stringify(page).replaceAll(/\b21474836\d\d\b/g, 'grant'),
    )
    expect(after).toEqual(before)
    expect(entries[0]!.length).toBeGreaterThan(5)
  })

  test('goes on: facts that are written now are beyond those that were copied', async () => {
    const of = { provider: 'anthropic', model: 'claude-sonnet-4-5' }
    const override = { ...of, meter: 'output', unit_price: '9', per: '1000000' }
    expect((await to.put('/v1/prices/overrides/later', override)).status).toBeLessThan(300)
    expect((await to.put('/v1/customers/umbrella', { name: 'Umbrella' })).status).toBeLessThan(300)
    const subscription = { plan: 'small', from: to.clock.toISOString() }
    expect((await to.put('/v1/customers/umbrella/subscription', subscription)).status).toBeLessThan(300)
  })
})

test('an invoice that says something else than what it was made of is told by a replay', async () => {
  const other = await startApi()
  try {
    const { pool } = from.database
    const changed = `session_replication_role`
    const client = await pool.connect()
    try {
      await client.query(`set ${changed} = replica`)
      await client.query(
        `update aforo_store.invoice_periods set owed = owed + 1
         where (tenant_id, invoice_id) in (select tenant_id, invoice_id from aforo_store.invoices where status = 'paid')`,
      )
      const { comparisons } = await replayAndCompare(pool, other.database.pool, SILENT)
      expect(comparisons.filter(({ differenceCount }) => differenceCount > 0)).toMatchObject([
        { name: 'invoices' },
      ])
      await client.query(
        `update aforo_store.invoice_periods set owed = owed - 1
         where (tenant_id, invoice_id) in (select tenant_id, invoice_id from aforo_store.invoices where status = 'paid')`,
      )
    } finally {
      await client.query(`set ${changed} = default`)
      client.release()
    }
  } finally {
    await other.stop()
  }
})
