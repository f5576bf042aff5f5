import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll } from '../../cmd/audit/run.ts'
import { previewRecut, RECUT_CONNECTIONS, type RecutParts, runRecut } from '../../cmd/recut/recut.ts'
import { previewText } from '../../cmd/recut.ts'
import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import type { InvoiceDocument } from '../../core/invoice.ts'
import { SILENT } from '../../core/log.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { type Drafted, draftInvoice, previewInvoice } from '../../rating/invoices/draft.ts'
import { finalizeInvoice } from '../../rating/invoices/finalize.ts'
import type { Period } from '../../rating/period.ts'
import { createRater } from '../../rating/rater.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { claimOlder } from '../../receiver/cut/claim-older.ts'
import { type CutterOptions, createCutter } from '../../receiver/cut/cutter.ts'
import { countOlder, recutPage } from '../../receiver/cut/recut.ts'
import type { Assemble } from '../../receiver/cut/revision.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { openPool, transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, metricsOf, noon, traceIdOf } from '../support/usages.ts'
import { fillBooks, openBooks } from './books.ts'
import { INVOICED, invoiceBooks, NOVEMBER, orderOf } from './invoice-books.ts'

/** An earlier release that took every call of Anthropic's for two. */
const older: Assemble = (usages, context) => {
  const assembly = assemble(usages, context)
  const twice = (count: number) => count * 2
  return {
    ...assembly,
    calls: assembly.calls.map((call) => {
      if (call.provider !== 'anthropic') return call
      const { inputUncached, outputText, ...buckets } = call.buckets
      return {
        ...call,
        buckets: { ...buckets, inputUncached: twice(inputUncached), outputText: twice(outputText) },
      }
    }),
  }
}

/** The command as an operator runs it, with nobody at a terminal. */
async function aforo(db: TestDatabase, ...args: string[]): Promise<{ code: number; out: string }> {
  const command = spawn(process.execPath, ['cmd/aforo.ts', ...args], {
    env: { ...process.env, DATABASE_URL: db.url, AFORO_TIMESCALE: 'auto' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(command, 'close') as Promise<[number]>
  const [out, err] = await Promise.all([command.stdout.toArray(), command.stderr.toArray()])
  const [code] = await closed
  return { code, out: [...out, ...err].join('') }
}

const SETTINGS = { quietMs: 2_000, idleMs: 30_000, maxAgeMs: 120_000, spansMax: 100 }
const ALL = { tenantId: null, from: '-infinity', to: 'infinity' }
/** After the invoices of November. */
const LATER = new Date('2026-12-03T00:00:00Z')
const monthOf = (start: string, end: string) => ({ start: Date.parse(start), end: Date.parse(end) })
const DECEMBER = monthOf('2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z')
const JANUARY = monthOf('2027-01-01T00:00:00Z', '2027-02-01T00:00:00Z')
const NEW_YEAR = new Date('2027-01-02T00:00:00Z')

const forgetRules = (db: TestDatabase) =>
  db.pool.query('update aforo_store.traces set cut_rules = 0 where revision >= 0')

function optionsOf(db: TestDatabase, how: Assemble = assemble): CutterOptions {
  return { pool: db.pool, settings: SETTINGS, log: SILENT, assemble: how, metrics: metricsOf() }
}

/** What the books say of each event, summed over its revisions, and of each account of credits. */
async function booksOf(db: TestDatabase) {
  const { rows: events } = await db.pool.query(
    `select e.event_id, sum(e.input_tokens)::text as input, sum(e.output_tokens)::text as output,
       sum(e.model_calls)::text as calls, trim_scale(sum(r.cogs))::text as cogs,
       (array_agg(r.status order by r.revision desc))[1] as status
     from aforo_store.events e join aforo_store.ratings r using (tenant_id, event_id, revision, time)
     group by 1 order by 1`,
  )
  const { rows: counters } = await db.pool.query(
    `select plan_id, meter_no, subscription_id::text, trim_scale(quantity)::text as quantity,
       trim_scale(amount)::text as amount
     from aforo_store.meter_counters where quantity <> 0 order by 1, 2, 3`,
  )
  const { rows: adjusted } = await db.pool.query(
    `select event_id, trim_scale(sum(delta))::text as amount from aforo_store.cogs_adjustments
     group by 1 having sum(delta) <> 0 order by 1`,
  )
  return { events, counters, adjusted }
}

/** What was rated from an instant on, by customer. */
async function ratedSince(db: TestDatabase, at: Date) {
  const { rows } = await db.pool.query<{ customer: string; cogs: string; price: string }>(
    `select coalesce(customer_id, '') as customer, sum(cogs)::text as cogs, coalesce(sum(price), 0)::text as price
     from aforo_store.ratings where rated_at >= $1 group by 1`,
    [at],
  )
  return new Map(
    rows.map(({ customer, cogs, price }) => [customer, [new Decimal(cogs), new Decimal(price)] as const]),
  )
}

const DIGEST_TABLES = [
  'events',
  'traces',
  'ratings',
  'rating_queue',
  'meter_counters',
  'credit_transactions',
  'credit_postings',
  'call_sightings',
  'session_events',
  'contributions',
  'exceptions',
]

async function digests(db: TestDatabase) {
  const found: Record<string, string> = {}
  for (const table of DIGEST_TABLES) {
    const { rows } = await db.pool.query(
      `select md5(string_agg(t::text, '|' order by t::text)) as digest from aforo_store.${table} t`,
    )
    found[table] = rows[0].digest
  }
  return found
}

describe('books of a release that counted otherwise', () => {
  let db: TestDatabase
  let fresh: TestDatabase
  let parts: RecutParts
  beforeAll(async () => {
    db = await testDatabase()
    fresh = await testDatabase()
    await fillBooks(fresh.pool)
    await fillBooks(db.pool, older)
    for (const books of [openBooks(db.pool, older), openBooks(fresh.pool)]) {
      await books.cut(100)
      await books.rate(100)
    }
    await invoiceBooks(db.pool)
    await forgetRules(db)
    const pool = openPool(db.url, { max: RECUT_CONNECTIONS })
    parts = { pool, log: SILENT, settings: SETTINGS, metrics: metricsOf(), tenantId: null, limit: 3 }
  })
  afterAll(async () => {
    await parts.pool.end()
    await db.drop()
    await fresh.drop()
  })

  /** Traces with all that belongs to them are claimed up to so many spans, and of more only the first with its own. */
  async function claimsWithin(spansMax: number): Promise<void> {
    await transaction(db.pool, async (client) => {
      const order = { tenantId: null, after: null, limit: 200, spansMax }
      const { traces, beside } = await claimOlder(client, order)
      const spans = [...traces, ...beside].reduce((sum, { spanCount }) => sum + spanCount, 0)
      expect(traces.length).toBeGreaterThan(0)
      if (traces.length > 1) expect(spans).toBeLessThanOrEqual(spansMax)
      expect(traces.length).toBeLessThan(
        (await claimOlder(client, { ...order, spansMax: 1_000 })).traces.length,
      )
    })
  }

  it('are cut again after a preview that says what changes and writes nothing; invoices stay as they are', async () => {
    const before = await auditAll(db.url, ALL, LATER)
    expect(before.gapCount).toBeGreaterThan(5)
    expect(before.pendings.get('traces cut with older rules, which aforo recut cuts again')).toBe(
      await countOlder(db.pool, null),
    )
    for (const { check, result } of before.results) {
      for (const { found } of result.gaps) {
        expect([check, found]).toEqual([check, expect.stringContaining('aforo recut completes it')])
      }
    }
    const untouched = await digests(db)
    const invoices = 'select * from aforo_store.invoices order by number'
    const { rows: issued } = await db.pool.query(invoices)

    const preview = await previewRecut(parts, LATER)
    expect(await digests(db)).toEqual(untouched)
    await expect(previewRecut(parts, LATER, preview.revisions - 1)).rejects.toThrow(/more than \d+ events/)
    expect((await previewRecut(parts, LATER, preview.revisions)).effects).toEqual(preview.effects)
    await claimsWithin(2)
    await claimsWithin(7)
    expect(previewText(preview)).toMatch(/acme +\d+ +\d+ +-[\d.]+ USD +-[\d.]+ USD/)

    const pages: number[] = []
    let now = LATER.getTime()
    const done = await runRecut({ ...parts, progress: (traces) => pages.push(traces) }, () => new Date(now++))
    expect(pages.length).toBeGreaterThan(3)
    expect(done).toEqual({ traces: preview.traces, revisions: preview.revisions, failed: 0 })
    const actual = await ratedSince(db, LATER)
    for (const { customer, cogs, prices } of preview.effects) {
      const [cost, price] = actual.get(customer ?? '') ?? [ZERO, ZERO]
      expect([customer, cost.toFixed(), price.toFixed()]).toEqual([
        customer,
        cogs.toFixed(),
        (prices.get('USD') ?? ZERO).toFixed(),
      ])
    }
    expect(await booksOf(db)).toEqual(await booksOf(fresh))
    expect((await db.pool.query(invoices)).rows).toEqual(issued)
    const after = await auditAll(db.url, ALL, new Date(LATER.getTime() + 60_000))
    expect(
      after.results.flatMap(({ check, result }) => result.gaps.map(({ found }) => [check, found])),
    ).toEqual([])
    expect(await countOlder(db.pool, null)).toBe(0)

    expect(await runRecut(parts, () => new Date(now++))).toEqual({ traces: 0, revisions: 0, failed: 0 })
  })

  it('are made good on the next invoice by what November comes to now less what was billed, once', async () => {
    const preview = (of: TestDatabase, customerId: string, month: Period) =>
      transaction(of.pool, (client) => previewInvoice(client, orderOf(customerId, month)))
    const lateOf = ({ invoice, creditNote }: Drafted) =>
      [invoice, creditNote]
        .flatMap((each) => each?.document.lines ?? [])
        .filter(({ kind }) => kind === 'late')
    for (const customerId of INVOICED) {
      const { rows } = await db.pool.query<{ document: InvoiceDocument }>(
        `select document from aforo_store.invoices where customer_id = $1 and status = 'open'`,
        [customerId],
      )
      const [{ document: billed }, ...others] = rows as [{ document: InvoiceDocument }]
      expect(others).toEqual([])
      const { document: right } = (await preview(fresh, customerId, NOVEMBER)).invoice
      const wanted = new Decimal(right.amount_exact).minus(billed.amount_exact)
      expect(wanted.isZero()).toBe(false)

      const late = lateOf(await preview(db, customerId, DECEMBER))
      const made = late.reduce((sum, line) => sum.plus(line.amount_exact), ZERO)
      expect([customerId, made.toFixed()]).toEqual([customerId, wanted.toFixed()])
      for (const { refers_to, period_from, period_to } of late) {
        expect([refers_to, period_from, period_to]).toEqual([
          billed.number,
          billed.period_from,
          billed.period_to,
        ])
      }
      await transaction(db.pool, async (client) => {
        const { invoiceId } = await draftInvoice(client, orderOf(customerId, DECEMBER), NEW_YEAR)
        await finalizeInvoice(client, 'default', invoiceId, NEW_YEAR, true)
      })
      expect(lateOf(await preview(db, customerId, JANUARY))).toEqual([])
    }
    const after = await auditAll(db.url, ALL, new Date(NEW_YEAR.getTime() + 60_000))
    expect(
      after.results.flatMap(({ check, result }) => result.gaps.map(({ found }) => [check, found])),
    ).toEqual([])
  })

  it('are marked where they come to the same, and previewed as such', async () => {
    await forgetRules(db)
    const same = await previewRecut({ ...parts, limit: 200 }, LATER)
    expect(same).toMatchObject({ revisions: 0, effects: [] })
    expect(previewText(same)).toMatch(/^\d+ traces looked at · 0 events change\n$/)
  })
})

describe('traces cut with older rules', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await testDatabase()
  })
  afterAll(() => db.drop())

  const push = (seconds: number, ...traces: string[]) =>
    createJournal({ pool: db.pool, metrics: metricsOf(), settings: SETTINGS }).append(
      'default',
      traces.map((trace) => callOf(trace, 'root')),
      noon(seconds),
    )
  const order = { tenantId: null, after: null }

  async function revisions() {
    const { rows } = await db.pool.query(
      `select encode(trace_id, 'hex') as trace, revision, cut_reason as reason, input_tokens::int as input
       from aforo_store.events order by trace, revision`,
    )
    const nameOf = new Map(['a', 'b', 'c', 'd'].map((name) => [traceIdOf(name), name]))
    return rows
      .map(({ trace, ...row }) => ({ trace: nameOf.get(trace), ...row }))
      .sort((a, b) => (a.trace! < b.trace! ? -1 : a.trace! > b.trace! ? 1 : a.revision - b.revision))
  }

  it('get a revision where it differs, a mark where not; a run that was ended goes on, a trace that fails is put off', async () => {
    await push(0, 'a', 'b')
    await createCutter(optionsOf(db, older)).cut(noon(2))
    await push(3, 'c', 'd')
    await createCutter(optionsOf(db)).cut(noon(5))
    const { rows } = await db.pool.query('select distinct cut_rules from aforo_store.traces')
    expect(rows).toEqual([{ cut_rules: ASSEMBLY_RULES }])
    expect(await recutPage(optionsOf(db), order, noon(6))).toMatchObject({ last: null, traces: 0 })

    await forgetRules(db)
    expect(await countOlder(db.pool, 'other')).toBe(0)
    expect(await recutPage(optionsOf(db), { ...order, tenantId: 'other' }, noon(6))).toMatchObject({
      traces: 0,
    })
    const first = await recutPage(optionsOf(db), { ...order, limit: 2 }, noon(6))
    expect(first).toMatchObject({ traces: 2, failed: 0 })
    // Ended here, and begun anew from the first on: with one that cannot be assembled, and one that is due anyway.
    const rest = (
      await db.pool.query(
        "select encode(trace_id, 'hex') as trace from aforo_store.traces where cut_rules = 0 order by trace_id",
      )
    ).rows
    const broken: Assemble = (usages, context) => {
      if (usages[0]!.traceId === rest[0].trace) throw new Error('a shape nobody thought of')
      return assemble(usages, context)
    }
    const second = await recutPage(optionsOf(db, broken), order, noon(7))
    expect(second).toMatchObject({ traces: 2, failed: 1 })
    expect(await countOlder(db.pool, null)).toBe(0)
    const { rows: listed } = await db.pool.query('select reason from aforo_store.exceptions')
    expect(listed).toEqual([{ reason: 'assembly_failed' }])
    // It is tried again like any trace that could not be cut.
    expect(await createCutter(optionsOf(db)).cut(noon(60))).toBe(1)
    const found = (await revisions()).filter(({ reason }) => reason !== 'root_ended')
    expect(found.filter(({ input }) => input !== 0)).toEqual([
      { trace: 'a', revision: 1, reason: 'newer_rules', input: -100 },
      { trace: 'b', revision: 1, reason: 'newer_rules', input: -100 },
    ])
  })

  it('are cut by the command once somebody has agreed, and the audit that named them finds no gap', async () => {
    await push(70, 'e')
    await createCutter(optionsOf(db, older)).cut(noon(72))
    await createRater({ pool: db.pool }).rate(new Date())
    await forgetRules(db)
    expect((await auditAll(db.url, ALL, new Date())).gapCount).toBeGreaterThan(0)
    const preview = await aforo(db, 'recut', '--dry-run')
    expect(preview.code).toBe(0)
    expect(preview.out).toMatch(
      /^5 traces cut with older rules than \d+\n5 traces looked at · 1 event changes\n/,
    )
    expect(await aforo(db, 'recut')).toMatchObject({ code: 1, out: expect.stringContaining('give --yes') })
    expect(await countOlder(db.pool, null)).toBe(5)
    const done = await aforo(db, 'recut', '--yes')
    expect(done).toMatchObject({
      code: 0,
      out: expect.stringContaining('5 traces cut again, 1 revision written'),
    })
    expect((await auditAll(db.url, ALL, new Date())).gapCount).toBe(0)
  })
})
