import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditCheck } from '../../core/audit.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { callOf, NOON_NANO, noon } from '../support/usages.ts'
import { fillBooks, openBooks } from './books.ts'
import { createCorrupter } from './corrupted.ts'
import { CORRUPTIONS, ofEvent, ofTrace } from './corruptions.ts'
import { invoiceBooks } from './invoice-books.ts'
import { INVOICE_CORRUPTIONS } from './invoice-corruptions.ts'
import { SESSION_CORRUPTIONS } from './session-corruptions.ts'
import { TIME_CORRUPTIONS } from './time-corruptions.ts'

/**
 * An invoice stands on everything between it and the journal: whatever of that is not as it was, the audit of one of the
 * invoices tells, over REST. What no invoice stands on none of them tells.
 */

/** What invoices are not made of. Of credits an invoice stands on the entries, not on what else was to be granted. */
const NOT_BEHIND_INVOICES: readonly AuditCheck[] = [
  'budget_counters',
  'budget_versions',
  'open_spend',
  'proposals',
  'recurring_grants',
  'top_ups',
  'invoice_numbers',
]
/** Nor on traces that were never cut, on calls of nobody, and on who approved what a provider charges. */
const BESIDE_INVOICES = [
  'trace not due',
  'sighting’s owner',
  'adjustment’s time',
  'adjustment’s revision',
  'adjustment’s currency',
  'adjustment’s approver',
]

let api: RunningApi
let whileChanged: Awaited<ReturnType<typeof createCorrupter>>
let invoices: ReadonlyMap<string, string>
beforeAll(async () => {
  api = await startApi()
  const { pool } = api.database
  await fillBooks(pool)
  await invoiceBooks(pool)
  const { rows } = await pool.query(
    'select customer_id, invoice_id from aforo_store.invoices order by number',
  )
  invoices = new Map(rows.map((row) => [row.customer_id, row.invoice_id]))
  whileChanged = await createCorrupter(pool)
  api.clock = noon(60)
})
afterAll(() => api.stop())

/** The checks by which the audit of a customer's invoice finds something. */
async function told(customer: string): Promise<readonly string[]> {
  const { status, body } = await api.get(`/v1/invoices/${invoices.get(customer)}/audit`)
  expect([status, body.detail]).toEqual([200, undefined])
  expect(body.agrees).toBe(body.differences.length === 0)
  return [...new Set<string>(body.differences.map(({ check }: { check: string }) => check))]
}

async function toldByAny(wanted: string): Promise<readonly string[]> {
  const checks: string[] = []
  for (const customer of invoices.keys()) {
    checks.push(...(await told(customer)))
    if (checks.includes(wanted)) break
  }
  return checks
}

it('agrees with the journal it came from, and says what is still to come', async () => {
  for (const customer of invoices.keys()) expect(await told(customer)).toEqual([])
  const { body } = await api.get(`/v1/invoices/${invoices.get('acme')}/audit`)
  expect(body.pending).toEqual([{ what: 'revisions to be rated', count: 1 }])
})

it('says how many traces it could not compare', async () => {
  const untold = `update aforo_store.call_sightings set told = false where ${ofTrace('late')}`
  const due = `update aforo_store.traces set cut_due_at = now() where ${ofTrace('late')}`
  const audit = async () => (await api.get(`/v1/invoices/${invoices.get('acme')}/audit`)).body.pending
  const one = (what: string) => expect.arrayContaining([{ what, count: 1 }])
  expect(await whileChanged(untold, audit)).toEqual(one('traces whose calls another one has now'))
  expect(await whileChanged(due, audit)).toEqual(one('traces due'))
})

it('lists twenty differences of a check and counts the others', async () => {
  const open = `insert into aforo_store.exceptions (tenant_id, exception_id, kind, event_id, trace_id, span_id, reason, recorded_at)
    select tenant_id, 'exc_' || no, 'unmetered', event_id, trace_id, decode(lpad(no::text, 16, '0'), 'hex'), 'test', now()
    from aforo_store.events, generate_series(1, 23) as no where ${ofEvent('late')} and revision = 0`
  const { differences } = await whileChanged(
    open,
    async () => (await api.get(`/v1/invoices/${invoices.get('acme')}/audit`)).body,
  )
  const found = differences.filter(({ check }: { check: string }) => check === 'trace_exceptions')
  expect(found).toHaveLength(21)
  expect(found.at(-1).found).toBe('and 3 more')
})

describe('a row that an invoice stands on is named when it is changed', () => {
  const behind = [...CORRUPTIONS, ...SESSION_CORRUPTIONS, ...TIME_CORRUPTIONS, ...INVOICE_CORRUPTIONS].filter(
    ([name, , check]) => !NOT_BEHIND_INVOICES.includes(check) && !BESIDE_INVOICES.includes(name),
  )
  it.each(behind)('%s', async (_, change, check) => {
    expect(await whileChanged(change, () => toldByAny(check))).toContain(check)
  })
})

describe('what no invoice stands on is not told', () => {
  const beside = CORRUPTIONS.filter(
    ([name, , check]) => NOT_BEHIND_INVOICES.includes(check) || BESIDE_INVOICES.includes(name),
  ).filter(([name]) => name !== 'row that a proposal put into the book')
  it.each(beside)('%s', async (_, change) => {
    expect(await whileChanged(change, () => toldByAny('all'))).toEqual([])
  })
})

describe('the invoice of one customer does not tell of another’s', () => {
  it.each([
    ['journal', `delete from aforo_store.usage_journal where ${ofTrace('globex')}`],
    ['trace', `delete from aforo_store.traces where ${ofTrace('globex')}`],
    ['event', `delete from aforo_store.events where ${ofEvent('globex')}`],
    ['rating', `update aforo_store.ratings set price = price + 1 where ${ofEvent('globex')}`],
    ['price line', `update aforo_store.price_lines set amount = amount + 1 where ${ofEvent('globex')}`],
    ['event lines', `delete from aforo_store.event_lines where ${ofEvent('globex')}`],
    ['wallet', `update aforo_store.credit_postings set balance = balance + 1 where customer_id = 'initech'`],
    [
      'invoice',
      `delete from aforo_store.invoice_lines where invoice_id = (
       select invoice_id from aforo_store.invoices where customer_id = 'globex')`,
    ],
  ])('%s', async (_, change) => {
    expect(await whileChanged(change, () => told('acme'))).toEqual([])
    expect(await whileChanged(change, () => toldByAny('all'))).not.toEqual([])
  })

  it('but tells of an event that was this one’s and is another’s now', async () => {
    const taken = `update aforo_store.events set customer_id = 'globex' where ${ofEvent('late')}`
    expect(await whileChanged(taken, () => told('acme'))).toContain('ratings')
  })
})

describe('of what is billed late', () => {
  const days = (count: number) => count * 86_400
  const audit = async (id: string) => (await api.get(`/v1/invoices/${id}/audit`)).body
  const documents: string[] = []
  let whileLateChanged: typeof whileChanged

  beforeAll(async () => {
    const books = openBooks(api.database.pool)
    const settle = async (seconds: number) => {
      await books.cut(seconds)
      await books.rate(seconds)
    }
    const time = { startNano: NOON_NANO + 300n, endNano: NOON_NANO + 305n }
    const buckets = { ...callOf('', '').buckets, inputUncached: 5_000 }
    await books.push(days(12), callOf('told late', 'root', { ...time, buckets, customer: null }))
    await books.name(days(12), 'told late', 'acme')
    await settle(days(12) + 40)
    const period = { period_from: '2026-12-01T00:00:00Z', period_to: '2027-01-01T00:00:00Z' }
    api.clock = noon(days(40))
    const { body: draft } = await api.post('/v1/invoices', { customer: 'acme', ...period })
    const { body: december } = await api.post(`/v1/invoices/${draft.invoice_id}/finalize`, {})
    expect(december.lines).toMatchObject([{ kind: 'late', refers_to: 'INV-000001' }])
    // It turns out to be somebody else's.
    await books.name(days(41), 'told late', 'globex')
    await settle(days(41))
    api.clock = noon(days(42))
    const note = await api.post(`/v1/invoices/${invoices.get('acme')}/credit-notes`, {})
    expect(note.status, JSON.stringify(note.body)).toBe(201)
    expect(note.body.lines).toMatchObject([{ kind: 'late', refers_to: 'INV-000001' }])
    documents.push(invoices.get('acme')!, december.invoice_id, note.body.invoice_id)
    whileLateChanged = await createCorrupter(api.database.pool)
  })

  it('each document agrees: the invoice, the next one, and a credit note that stands alone', async () => {
    for (const id of documents)
      expect(await audit(id)).toMatchObject({ agrees: true, differences: [], pending: [] })
  })

  it.each([
    [
      'journal',
      `update aforo_store.usage_journal set output_text = 7 where ${ofTrace('told late')}`,
      'journal_rows',
    ],
    ['event', `delete from aforo_store.events where ${ofEvent('told late')}`, 'queue'],
    ['trace', `delete from aforo_store.traces where ${ofTrace('told late')}`, 'event_totals'],
    ['price lines', `delete from aforo_store.price_lines where ${ofEvent('told late')}`, 'counters'],
  ])('each tells of a change in the period that it bills: %s', async (_, change, check) => {
    await whileLateChanged(change, async () => {
      for (const id of documents) {
        const { differences } = await audit(id)
        expect(differences.map((each: { check: string }) => each.check)).toContain(check)
      }
    })
  })

  it('a void invoice still agrees, and the one made in its place does', async () => {
    const [november, december] = documents
    await api.post(`/v1/invoices/${december}/void`, {})
    await api.post(`/v1/invoices/${november}/void`, {})
    const { body: old } = await api.get(`/v1/invoices/${november}`)
    const period = { period_from: old.period_from, period_to: old.period_to }
    const { body: draft } = await api.post('/v1/invoices', { customer: 'acme', ...period })
    expect((await api.post(`/v1/invoices/${draft.invoice_id}/finalize`, {})).status).toBe(200)
    for (const id of [...documents, draft.invoice_id]) expect(await audit(id)).toMatchObject({ agrees: true })
  })
})
