import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insert, seed } from '../api/seed.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

/** Logins of this file alone: roles belong to the server, and other tests may use the same one at the same time. */
const suffix = randomBytes(4).toString('hex')
const LOGINS = {
  acme: `aforo_view_a_${suffix}`,
  globex: `aforo_view_b_${suffix}`,
  nobody: `aforo_view_c_${suffix}`,
}
const PASSWORD = randomBytes(16).toString('hex')
/** Views of what happened, each row at a time. */
const TIMED_VIEWS = [
  'billable_event_lines',
  'billable_events',
  'credit_ledger',
  'exceptions',
  'invoice_lines',
  'invoices',
  'margin_by_customer',
  'margin_by_model',
  'vendor_costs',
]
const VIEWS = [...TIMED_VIEWS, 'alerts', 'budget_status'].sort()

const trace = (no: number) => no.toString(16).padStart(32, '0')

let database: TestDatabase
const logins = new Map<string, pg.Pool>()

beforeAll(async () => {
  database = await testDatabase()
  for (const login of Object.values(LOGINS)) {
    await database.pool.query(`create role ${login} login password '${PASSWORD}' in role aforo_grafana`)
    const url = new URL(database.url)
    url.username = login
    url.password = PASSWORD
    logins.set(login, new pg.Pool({ connectionString: url.href, max: 1 }))
  }
  for (const tenant_id of ['acme', 'globex'] as const) {
    await insert(database.pool, 'login_tenants', { login: LOGINS[tenant_id], tenant_id })
  }
})

afterAll(async () => {
  for (const pool of logins.values()) await pool.end()
  await database.pool.query(`drop owned by ${Object.values(LOGINS).join(', ')}`)
  await database.pool.query(`drop role ${Object.values(LOGINS).join(', ')}`)
  await database.drop()
})

const as = (tenant: keyof typeof LOGINS) => logins.get(LOGINS[tenant])!
const RATED = { status: 'rated', cogs: '0.02', price: '0.06' }

describe('a login for Grafana', () => {
  test('may read the views and nothing else, write nothing', async () => {
    const { rows } = await as('acme').query<{ name: string; may: string }>(
      `select n.nspname || '.' || c.relname as name,
         concat_ws(',', case when has_table_privilege(c.oid, 'select') then 'select' end,
           case when has_table_privilege(c.oid, 'insert, update, delete, truncate, trigger') then 'write' end) as may
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'aforo%' and c.relkind in ('r', 'v', 'p', 'm', 'f')`,
    )
    const readable = rows.filter((row) => row.may !== '')
    expect(readable.map((row) => row.name).sort()).toEqual(VIEWS.map((view) => `aforo.${view}`))
    expect(new Set(readable.map((row) => row.may))).toEqual(new Set(['select']))
    expect(rows.length, 'there is something not to be read').toBeGreaterThan(VIEWS.length + 10)
    await expect(as('acme').query('select from aforo_store.events')).rejects.toThrow(/permission denied/)
    await expect(as('acme').query('create table aforo.mine (a int)')).rejects.toThrow(/permission denied/)
    await expect(as('acme').query('create table public.mine (a int)')).rejects.toThrow(/permission denied/)
  })

  test('sees the rows of its own tenant alone, whatever role it sets', async () => {
    for (const [i, tenantId] of ['acme', 'globex'].entries()) {
      await seed(database.pool, {
        tenantId,
        traceId: trace(i + 1),
        rating: RATED,
        lines: [{ part: 'prompt', model: 'm', quantity: 1, calls: 1, cogs: '0.02', price: '0.06' }],
        costs: [{ part: 'prompt', model: 'm', meter: 'input_uncached', quantity: 1, amount: '0.02' }],
      })
      await insert(database.pool, 'exceptions', {
        tenant_id: tenantId,
        exception_id: 'x',
        kind: 'conflict',
        event_id: `evt_${trace(i + 1)}`,
        trace_id: Buffer.from(trace(i + 1), 'hex'),
        reason: 'seeded',
        recorded_at: '2026-03-01T10:00:01Z',
      })
      await insert(database.pool, 'alerts', {
        tenant_id: tenantId,
        rule_id: 'r',
        alert_no: 1,
        rule_version: 1,
        kind: 'quota',
        subject: 'b[]',
        about: '{}',
        previous: 'ok',
        state: 'warn',
        reason: 'observed',
        figures: '{}',
        recorded_at: '2026-03-01T10:00:01Z',
      })
    }
    for (const tenant_id of ['acme', 'globex']) {
      await seedEntry(database.pool, tenant_id)
      await seedBudget(database.pool, tenant_id)
      await seedInvoice(database.pool, tenant_id)
    }
    for (const view of VIEWS) {
      const count = async (tenant: keyof typeof LOGINS) =>
        Number((await as(tenant).query(`select count(*) from aforo.${view}`)).rows[0].count)
      expect([view, await count('acme'), await count('globex'), await count('nobody')]).toEqual([
        view,
        1,
        1,
        0,
      ])
    }
    await as('acme').query('set role aforo_grafana')
    const { rows } = await as('acme').query('select event_id from aforo.billable_events')
    expect(rows).toEqual([{ event_id: `evt_${trace(1)}` }])
    await as('acme').query('reset role')
  })

  test('cannot look past its tenant with a function that tells what it is given', async () => {
    await as(
      'acme',
    ).query(`create function pg_temp.tell(t text) returns boolean language plpgsql cost 0.0000001
      as $$ begin raise notice '%', t; return true; end $$`)
    const told: string[] = []
    const client = await as('acme').connect()
    client.on('notice', (notice) => told.push(notice.message ?? ''))
    await client.query('select * from aforo.exceptions where pg_temp.tell(event_id)')
    client.release()
    expect(told).toEqual([`evt_${trace(1)}`])
  })
})

test('billable_events sums the revisions and tells what the newest says', async () => {
  const traceId = trace(100)
  const usage = { model_calls: 2, input_tokens: 100 }
  await seed(database.pool, {
    tenantId: 'acme',
    traceId,
    customer: null,
    usage,
    rating: { ...RATED, status: 'unattributed', price: null },
  })
  const read = async () =>
    (await as('acme').query(`select * from aforo.billable_events where trace_id = '${traceId}'`)).rows[0]
  expect(await read()).toMatchObject({ status: 'unattributed', customer: null, price: null, margin: null })
  // Ten revisions and more: the newest is found by number, not by its digits.
  for (let revision = 1; revision <= 11; revision++) {
    await seed(database.pool, {
      tenantId: 'acme',
      traceId,
      revision,
      customer: `c${revision}`,
      cutReason: 'late_span',
      usage: { input_tokens: 1 },
      rating: { status: 'rated', cogs: '0', price: revision === 1 ? '0.06' : '0' },
    })
  }
  expect(await read()).toMatchObject({
    revision: 11,
    status: 'rated',
    customer: 'c11',
    cut_reason: 'late_span',
    model_calls: '2',
    input_tokens: '111',
    margin: '0.040000000000000000',
  })
  await seed(database.pool, { tenantId: 'acme', traceId, revision: 12, usage: { input_tokens: 5 } })
  expect(await read(), 'not rated yet').toMatchObject({ status: 'pending', input_tokens: '116', cogs: null })
})

describe('a time range', () => {
  beforeAll(async () => {
    const { pool } = database
    await pool.query(
      `insert into aforo_store.events
       select 'acme', 'evt_' || md5(i::text), 0, '2026-01-01'::timestamptz + i * interval '10 min',
         decode(md5(i::text), 'hex'), 'root_ended', now(), 'c', 'p', 'a', 's', now(), now(),
         1, 0, 0, 0, 1, 0, 0, 1, 0, 0, '{}' from generate_series(1, 5000) i`,
    )
    await pool.query(
      `insert into aforo_store.ratings select tenant_id, event_id, revision, time, now(), 'rated', false, customer_id,
         1, time, 'p', 1, 'USD', 0.02, 0.06, null from aforo_store.events where event_id like 'evt_%' and product_id = 'p'`,
    )
    await pool.query(
      `insert into aforo_store.event_lines select tenant_id, event_id, revision, 0, time, customer_id, product_id, agent,
         'prompt', 'p', 'm', null, 'token', 1, 1, 0, 0.02, 0.06 from aforo_store.events where product_id = 'p'`,
    )
    await pool.query(
      `insert into aforo_store.cost_lines select tenant_id, event_id, revision, 0, time, 'prompt', 'p', 'm', null,
         'input_uncached', 'standard', 1, 1, 1, 1, 'USD', 0.02, '{}' from aforo_store.events where product_id = 'p'`,
    )
    await pool.query(
      `insert into aforo_store.exceptions (tenant_id, exception_id, kind, event_id, trace_id, reason, recorded_at)
       select tenant_id, event_id, 'conflict', event_id, trace_id, 'seeded', time
       from aforo_store.events where product_id = 'p'`,
    )
    await pool.query(
      `with times as (select i, '2026-01-01'::timestamptz + i * interval '10 min' as at from generate_series(1, 5000) i),
         happened as (
           insert into aforo_store.credit_transactions
           select 'acme', 'c', i, 'grant', i::text, 'hash', at, at from times)
       insert into aforo_store.credit_postings
       select 'acme', 'c', i, 'ent_' || i, i, 'issued', 'grant:1', 1, null, i, at from times`,
    )
    await pool.query(
      `insert into aforo_store.invoices (tenant_id, invoice_id, kind, status, customer_id, currency, period_from,
         period_to, amount_exact, subtotal, discount, tax, total, credits_applied, amount_due, document, recorded_at)
       select tenant_id, 'inv_' || i, kind, status, customer_id, currency, '2026-01-01'::timestamptz + i * interval '10 min',
         '2026-01-01'::timestamptz + (i + 1) * interval '10 min', amount_exact, subtotal, discount, tax, total,
         credits_applied, amount_due, document, recorded_at
       from aforo_store.invoices cross join generate_series(1, 5000) i where tenant_id = 'acme'`,
    )
    await pool.query(
      `insert into aforo_store.invoice_lines (tenant_id, invoice_id, line_no, kind, amount_exact, amount, residual,
         period_from, period_to)
       select tenant_id, invoice_id, 1, 'usage', 1, 1, 0, period_from, period_to from aforo_store.invoices
       where tenant_id = 'acme' and invoice_id <> 'inv'`,
    )
    for (const table of [
      'invoices',
      'invoice_lines',
      'events',
      'ratings',
      'event_lines',
      'cost_lines',
      'exceptions',
      'credit_transactions',
      'credit_postings',
    ]) {
      await pool.query(`analyze aforo_store.${table}`)
    }
  })

  const RANGE = `time between '2026-01-10T00:00:00Z' and '2026-01-11T00:00:00Z'`

  // One day of 35: reading all would be 5,000 rows of each table.
  test.each(TIMED_VIEWS)('on %s reads little beyond it', async (view) => {
    const { rows } = await as('acme').query<{ 'QUERY PLAN': Plan[] }>(
      `explain (analyze, format json) select count(*) from aforo.${view} where ${RANGE}`,
    )
    const scans = scansOf(rows[0]!['QUERY PLAN'][0]!.Plan!)
    const read = scans.reduce((sum, scan) => sum + rowsRead(scan), 0)
    expect(read).toBeGreaterThanOrEqual(145)
    // Two tables at most, and of a hypertable the two chunks of a day that the range touches.
    expect(read).toBeLessThanOrEqual(2 * 2 * 145)
  })

  test('finds what is there, by event and by any span of time', async () => {
    const { rows } = await as('acme').query(
      `select count(*), sum(margin) as margin from aforo.billable_events where ${RANGE}`,
    )
    expect(rows).toEqual([{ count: '145', margin: '5.800000000000000000' }])
  })
})

/** A grant of one credit. */
async function seedEntry(pool: pg.Pool, tenant_id: string): Promise<void> {
  const who = { tenant_id, customer_id: 'one', transaction_no: 1, recorded_at: '2026-03-01T10:00:01Z' }
  await insert(pool, 'credit_transactions', {
    ...who,
    kind: 'grant',
    idempotency_key: 'grant:1',
    content_hash: 'hash',
    effective_at: who.recorded_at,
  })
  await insert(pool, 'credit_postings', {
    ...who,
    entry_no: 1,
    entry_id: 'ent_one',
    source: 'issued',
    destination: 'grant:1',
    amount: 1,
    balance: 1,
  })
}

/** A budget of which something is used. */
async function seedBudget(pool: pg.Pool, tenant_id: string): Promise<void> {
  const budget = { tenant_id, budget_id: 'all', counting_version: 1 }
  const body = { scope: {}, unit: 'price', limit: '10', window: 'lifetime', mode: 'hard' }
  await insert(pool, 'budget_versions', { ...budget, version: 1, body, recorded_at: '2026-03-01T10:00:01Z' })
  await insert(pool, 'budget_counters', { ...budget, subject: '[]', window_start: '-infinity', used: 1 })
}

interface Plan {
  readonly Plan?: Plan
  readonly Plans?: readonly Plan[]
  readonly 'Relation Name'?: string
  readonly 'Actual Rows'?: number
  readonly 'Rows Removed by Filter'?: number
}

/** The scans of tables in a plan, or of the chunks of one: a hypertable's own node only gathers them. */
function scansOf(plan: Plan): Plan[] {
  const below = (plan.Plans ?? []).flatMap(scansOf)
  if (below.length > 0) return below
  return plan['Relation Name'] && plan['Relation Name'] !== 'login_tenants' ? [plan] : []
}

function rowsRead(scan: Plan): number {
  return scan['Actual Rows']! + (scan['Rows Removed by Filter'] ?? 0)
}

async function seedInvoice(pool: pg.Pool, tenant_id: string): Promise<void> {
  await insert(pool, 'customers', { tenant_id, customer_id: 'c', recorded_at: '2025-01-01' })
  const sums = {
    amount_exact: 1,
    subtotal: 1,
    discount: 0,
    tax: 0,
    total: 1,
    credits_applied: 0,
    amount_due: 1,
  }
  const period = { period_from: '2025-03-01', period_to: '2025-04-01' }
  const what = { tenant_id, invoice_id: 'inv', ...period }
  const document = { kind: 'invoice', status: 'draft', customer_id: 'c', currency: 'USD', document: '{}' }
  await insert(pool, 'invoices', { ...what, ...sums, ...document, recorded_at: '2025-04-01' })
  const line = { line_no: 1, kind: 'usage', amount_exact: 1, amount: 1, residual: 0 }
  await insert(pool, 'invoice_lines', { ...what, ...line })
}
