import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater, type Rater } from '../../rating/rater.ts'
import { assemblyOf, modelCall, storeEvent, toolCall } from '../rating/events.ts'
import { readPdf } from '../support/pdf-text.ts'
import { foundBeyondSpans } from './audited.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi
let rater: Rater
let traceNo = 0

beforeAll(async () => {
  api = await startApi()
  rater = createRater(api.database)
  api.clock = new Date('2026-01-01T00:00:00Z')
})
afterAll(() => api.stop())

const METERS = [
  { meter: 'input_tokens', model: 'per_unit', unit_price: '3.33', per: '1000' },
  { meter: 'tool_calls', model: 'package', package_size: '2', package_price: '0.015' },
]

async function customer(id: string, plan: object, of: object = {}): Promise<void> {
  expect((await api.put(`/v1/plans/plan-${id}`, { currency: 'USD', meters: METERS, ...plan })).status).toBe(
    201,
  )
  await api.put(`/v1/customers/${id}`, of)
  const subscription = { plan: `plan-${id}`, from: '2026-01-01T00:00:00Z' }
  expect((await api.put(`/v1/customers/${id}/subscription`, subscription)).status).toBe(201)
}

/** An event with so many input tokens and tool calls, rated at the API's clock. */
async function use(customerId: string, time: string, tokens: number, tools = 0): Promise<void> {
  traceNo++
  await storeEvent(api.database.pool, {
    traceNo,
    customer: customerId,
    time: new Date(time),
    recordedAt: api.clock,
    assembly: assemblyOf({
      calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: tokens } })],
      tools: Array.from({ length: tools }, (_, no) => toolCall(no + 2, 'db.query')),
    }),
  })
  await rater.rate(api.clock)
}

function month(no: number): { period_from: string; period_to: string } {
  return {
    period_from: new Date(Date.UTC(2026, no - 1)).toISOString(),
    period_to: new Date(Date.UTC(2026, no)).toISOString(),
  }
}

const draft = (id: string, no: number) => api.post('/v1/invoices', { customer: id, ...month(no) })

async function finalised(id: string, no: number) {
  const { body } = await draft(id, no)
  const answer = await api.post(`/v1/invoices/${body.invoice_id}/finalize`, {})
  expect([answer.status, answer.body.detail]).toEqual([200, undefined])
  return answer.body
}

const at = (time: string) => {
  api.clock = new Date(time)
}

describe('an invoice', () => {
  test('goes from draft to open to paid, with lines by model, tax and a number', async () => {
    at('2026-01-01T00:00:00Z')
    await api.put('/v1/settings', {
      seller: { name: 'Aforo GmbH', address: 'Weg 1\nBerlin', payment_days: 14 },
    })
    await customer('acme', { minimum: '20' }, { name: 'Acme Inc.', tax_rate_pct: '19', tax_label: 'VAT' })
    await use('acme', '2026-01-10T10:00:00Z', 1001, 3)
    const made = await draft('acme', 1)
    expect(made.status).toBe(201)
    expect((await draft('acme', 1)).body.invoice_id).toBe(made.body.invoice_id)
    const early = await api.post(`/v1/invoices/${made.body.invoice_id}/finalize`, {})
    expect([early.status, early.body.code]).toEqual([409, 'conflict'])
    at('2026-02-01T00:00:01Z')
    const invoice = await finalised('acme', 1)
    expect(invoice).toMatchObject({
      number: 'INV-000001',
      status: 'open',
      seller: { name: 'Aforo GmbH' },
      buyer: { name: 'Acme Inc.' },
      subtotal: '20.00',
      amount_exact: '20',
      residual: '0',
      tax_label: 'VAT',
      tax: '3.80',
      total: '23.80',
      amount_due: '23.80',
      due_at: '2026-02-15T00:00:01.000Z',
      cutoff: '2026-02-01T00:00:01.000Z',
    })
    const told = invoice.lines.map((line: Record<string, string>) => [
      line.kind,
      line.description,
      line.quantity,
      line.unit,
      line.amount_exact,
      line.amount,
      line.residual,
    ])
    expect(told).toEqual([
      [
        'usage',
        'Input tokens, anthropic / claude-sonnet-4-5-20250929',
        '1001',
        'token',
        '3.33333',
        '3.33',
        '0.00333',
      ],
      ['usage', 'Tool calls, db.query', '3', 'call', '0.03', '0.03', '0'],
      ['minimum', 'Up to the minimum of the period', null, null, '16.63667', '16.64', '-0.00333'],
    ])
    const paid = await api.post(`/v1/invoices/${invoice.invoice_id}/pay`, {})
    expect(paid.body).toMatchObject({ status: 'paid', content_hash: invoice.content_hash })
    const states = ['finalize', 'pay', 'void', 'uncollectible'].map((step) =>
      api.post(`/v1/invoices/${invoice.invoice_id}/${step}`, {}),
    )
    expect((await Promise.all(states)).map(({ status }) => status)).toEqual([409, 409, 409, 409])
    expect((await draft('acme', 1)).status).toBe(409)
    const { body: list } = await api.get('/v1/invoices?customer=acme&status=paid')
    expect(list.data.map((each: { number: string }) => each.number)).toEqual(['INV-000001'])
  })

  test('is JSON, HTML or PDF, as the client likes', async () => {
    const { body } = await api.get('/v1/invoices?customer=acme')
    const path = `/v1/invoices/${body.data[0].invoice_id}`
    const html = await api.get(path, { accept: 'text/html,*/*;q=0.8' })
    expect([html.status, html.type]).toEqual([200, 'text/html; charset=utf-8'])
    expect(html.body).toContain('<h1>Invoice INV-000001</h1><b>PAID</b>')
    const response = await fetch(api.url + path, { headers: { accept: 'application/pdf' } })
    expect(response.headers.get('content-type')).toBe('application/pdf')
    const { texts } = readPdf(Buffer.from(await response.arrayBuffer()))
    for (const text of ['Invoice INV-000001', '23.80', 'VAT 19 %']) expect(texts).toContain(text)
    expect((await api.get(path)).type).toContain('application/json')
  })

  test('bills late usage on the next one, with the period it was used in', async () => {
    at('2026-01-01T00:00:00Z')
    await customer('late', {})
    await use('late', '2026-01-10T10:00:00Z', 1000)
    at('2026-02-02T00:00:00Z')
    const first = await finalised('late', 1)
    await use('late', '2026-01-31T23:00:00Z', 500)
    await use('late', '2026-02-03T00:00:00Z', 100)
    at('2026-03-02T00:00:00Z')
    const second = await finalised('late', 2)
    expect(
      second.lines.map((line: Record<string, string>) => [
        line.kind,
        line.amount,
        line.period_from,
        line.refers_to,
      ]),
    ).toEqual([
      ['usage', '0.33', '2026-02-01T00:00:00.000Z', null],
      ['late', '1.67', '2026-01-01T00:00:00.000Z', first.number],
    ])
    const { body: again } = await api.get(`/v1/invoices/${first.invoice_id}`)
    expect(again).toEqual({ ...first, credit_note_id: undefined })
  })

  test('takes what is in favour of the customer as a credit note where nothing is to be set off', async () => {
    at('2026-01-01T00:00:00Z')
    await customer('credit', {}, { tax_rate_pct: '10' })
    await use('credit', '2026-01-10T10:00:00Z', 1000)
    const { rows } = await api.database.pool.query(
      `select trace_id, time from aforo_store.events where customer_id = 'credit'`,
    )
    at('2026-02-02T00:00:00Z')
    const first = await finalised('credit', 1)
    // A correction: the trace had used only 100.
    await storeEvent(api.database.pool, {
      traceNo: Number.parseInt(rows[0].trace_id.toString('hex'), 16),
      revision: 1,
      customer: 'credit',
      time: new Date('2026-01-10T10:00:00Z'),
      recordedAt: api.clock,
      assembly: assemblyOf({ calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 100 } })] }),
    })
    await rater.rate(api.clock)
    at('2026-03-02T00:00:00Z')
    const preview = await draft('credit', 2)
    expect(preview.body).toMatchObject({
      total: '0.00',
      credit_note: { total: '-3.30', amount_due: '-3.30' },
    })
    const second = await finalised('credit', 2)
    expect(second).toMatchObject({ total: '0.00', lines: [] })
    const { body: note } = await api.get(`/v1/invoices/${second.credit_note_id}`)
    expect(note).toMatchObject({
      kind: 'credit_note',
      number: 'CN-000001',
      beside: second.number,
      subtotal: '-3.00',
      tax: '-0.30',
      total: '-3.30',
      lines: [{ kind: 'late', amount_exact: '-2.997', refers_to: first.number }],
    })
  })

  test('gives back at once what it billed too much, on a credit note of its own', async () => {
    at('2026-01-01T00:00:00Z')
    await customer('back', {}, { tax_rate_pct: '10' })
    await use('back', '2026-01-10T10:00:00Z', 1000)
    const { rows } = await api.database.pool.query(
      `select trace_id from aforo_store.events where customer_id = 'back'`,
    )
    at('2026-02-02T00:00:00Z')
    const drafted = (await draft('back', 1)).body.invoice_id
    const credit = (id: string) => api.post(`/v1/invoices/${id}/credit-notes`, {})
    expect((await credit(drafted)).status, 'a draft').toBe(409)
    const first = await finalised('back', 1)
    expect((await credit(first.invoice_id)).body.detail).toContain('comes to what it billed')
    const revise = async (revision: number, tokens: number) => {
      await storeEvent(api.database.pool, {
        traceNo: Number.parseInt(rows[0].trace_id.toString('hex'), 16),
        ...{ revision, customer: 'back', time: new Date('2026-01-10T10:00:00Z'), recordedAt: api.clock },
        assembly: assemblyOf({ calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: tokens } })] }),
      })
      await rater.rate(api.clock)
    }
    await revise(1, 100)
    // Of several at once one gives back, and the others find nothing left.
    const answers = await Promise.all([1, 2, 3].map(() => credit(first.invoice_id)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    const { body: note } = answers.find(({ status }) => status === 201)!
    expect(note).toMatchObject({
      ...{ kind: 'credit_note', status: 'open', beside: null, total: '-3.30', tax: '-0.30' },
      ...{ period_from: first.period_from, period_to: first.period_to },
      lines: [{ kind: 'late', amount_exact: '-2.997', refers_to: first.number }],
    })
    expect(note.number).toMatch(/^CN-\d{6}$/)
    expect(await foundBeyondSpans(api, note.invoice_id)).toEqual([])
    expect((await credit(note.invoice_id)).status, 'a credit note').toBe(409)
    await revise(2, 500)
    expect((await credit(first.invoice_id)).body.detail).toContain('comes to 1.332 more')
    at('2026-03-02T00:00:00Z')
    // It was given back once: the next invoice bills what came since.
    expect(await finalised('back', 2)).toMatchObject({
      credit_note_id: null,
      lines: [{ kind: 'late', amount_exact: '1.332', refers_to: first.number }],
    })
  })

  test('says what it could not bill, and waits for what is to be rated unless told not to', async () => {
    at('2026-01-01T00:00:00Z')
    await customer('waiting', {})
    await use('waiting', '2026-01-10T10:00:00Z', 1000)
    at('2026-02-02T00:00:00Z')
    const made = await draft('waiting', 1)
    traceNo++
    await storeEvent(api.database.pool, {
      traceNo,
      customer: 'waiting',
      time: new Date('2026-01-11T00:00:00Z'),
      recordedAt: api.clock,
      assembly: assemblyOf({ calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 10 } })] }),
    })
    const path = `/v1/invoices/${made.body.invoice_id}`
    expect((await api.get(path)).body.warnings).toContainEqual({
      kind: 'not_rated',
      count: 1,
      scope: 'customer',
    })
    expect((await api.post(`${path}/finalize`, {})).status).toBe(409)
    expect((await api.post(`${path}/finalize`, { allow_waiting: true })).body.subtotal).toBe('3.33')
    await rater.rate(api.clock)
  })

  test('is finalised once, however many try, with numbers that follow one another', async () => {
    at('2026-01-01T00:00:00Z')
    const ids = Array.from({ length: 6 }, (_, no) => `many-${no}`)
    for (const id of ids) await customer(id, {})
    for (const id of ids) await use(id, '2026-01-10T10:00:00Z', 1000)
    at('2026-02-02T00:00:00Z')
    const made = await Promise.all(ids.flatMap((id) => [draft(id, 1), draft(id, 1)]))
    const invoices = new Set(made.map(({ body }) => body.invoice_id))
    expect(invoices.size).toBe(ids.length)
    const tries = [...invoices, ...invoices].map((id) => api.post(`/v1/invoices/${id}/finalize`, {}))
    const answers = await Promise.all(tries)
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(6).fill(200), ...Array(6).fill(409)])
    const { rows } = await api.database.pool.query(
      `select count(*) = max(number) and count(distinct number) = count(*) as gapless
       from aforo_store.invoices where kind = 'invoice' and number is not null`,
    )
    expect(rows).toEqual([{ gapless: true }])
  })

  test('cannot be changed behind Aforo’s back either', async () => {
    const { pool } = api.database
    const change = (sql: string) =>
      expect(pool.query(sql)).rejects.toThrow(/is finalised and cannot be changed/)
    await change(
      `update aforo_store.invoices set total = total + 1, tax = tax + 1, amount_due = amount_due + 1 where status <> 'draft'`,
    )
    await change(`update aforo_store.invoice_lines set amount = amount + 1, residual = residual - 1`)
    await change(`delete from aforo_store.invoice_periods`)
  })

  test('is worked out again from what it was made of, and every difference is named', async () => {
    const { body } = await api.get('/v1/invoices')
    const finals = body.data.filter((each: { status: string }) => each.status !== 'draft')
    expect(finals.length).toBeGreaterThan(5)
    for (const { invoice_id: id } of finals) expect(await foundBeyondSpans(api, id)).toEqual([])
    const late = finals.find((each: { customer: string }) => each.customer === 'late')
    await api.database.pool.query(
      `update aforo_store.price_lines set quantity = quantity + 1
       where customer_id = 'late' and time >= '2026-02-01' and meter = 'input_tokens'`,
    )
    expect(await foundBeyondSpans(api, late.invoice_id)).toContainEqual(
      expect.stringContaining('price_lines: '),
    )
  })

  test('is drafted for all customers at once, page by page', async () => {
    at('2026-03-02T00:00:00Z')
    const drafted: string[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const { body } = await api.post('/v1/invoices/run', { limit: 3, ...(cursor ? { cursor } : {}) })
      expect(body.failed).toEqual([])
      drafted.push(...body.data.map((each: Record<string, string>) => `${each.customer} ${each.period_from}`))
      cursor = body.next_cursor
    }
    // February: one owes a minimum without usage, one what was rated late; the others owe nothing.
    expect(drafted).toEqual(['acme 2026-02-01T00:00:00.000Z', 'waiting 2026-02-01T00:00:00.000Z'])
  })

  test('is of a period of the customer', async () => {
    const wrong = { customer: 'acme', period_from: '2026-01-02T00:00:00Z', period_to: '2026-02-01T00:00:00Z' }
    const { status, body } = await api.post('/v1/invoices', wrong)
    expect([status, body.faults[0].path]).toEqual([400, '/period_from'])
    expect((await api.post('/v1/invoices', { ...wrong, customer: 'nobody' })).status).toBe(404)
  })

  test('says what to draft instead where a subscription moved the periods under a draft', async () => {
    await customer('shifted', {})
    await use('shifted', '2026-01-10T10:00:00Z', 1000)
    const { invoice_id: id } = (await draft('shifted', 1)).body
    const moved = { plan: 'plan-shifted', from: '2026-01-15T00:00:00Z', anchor_day: 15 }
    await api.put('/v1/customers/shifted/subscription', moved)
    at('2026-02-20T00:00:00Z')
    const told = {
      status: 409,
      body: {
        code: 'conflict',
        detail: expect.stringContaining('draft 2026-01-01T00:00:00.000Z to 2026-02-15'),
      },
    }
    expect(await api.get(`/v1/invoices/${id}`)).toMatchObject(told)
    expect(await api.post(`/v1/invoices/${id}/finalize`, {})).toMatchObject(told)
    const period = { period_from: '2026-01-01T00:00:00Z', period_to: '2026-02-15T00:00:00Z' }
    const instead = await api.post('/v1/invoices', { customer: 'shifted', ...period })
    expect(instead).toMatchObject({ status: 201, body: { subtotal: '3.33' } })
    expect((await api.get(`/v1/invoices/${id}`)).status, 'it made way').toBe(404)
  })
})
