import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roundToCurrency } from '../../core/currency.ts'
import type { InvoiceDocument } from '../../core/invoice.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { invoiceFaults } from '../../rating/invoices/audit.ts'
import { creditInvoice } from '../../rating/invoices/credit-note.ts'
import { draftInvoice } from '../../rating/invoices/draft.ts'
import { finalizeInvoice, stepInvoice } from '../../rating/invoices/finalize.ts'
import { periodTotal } from '../../rating/plans/period-adjustments.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { createRater, type Rater } from '../../rating/rater.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { METER, MONTHS, STEP, TERMS } from './any-invoicing.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent, storePlan } from './events.ts'

let database: TestDatabase
let rater: Rater
let traces = 0
beforeAll(async () => {
  database = await testDatabase()
  rater = createRater(database)
})
afterAll(() => database.drop())

const start = (month: number) => Date.UTC(2026, month)
const MODELS = ['claude-a', 'claude-b', 'claude-c']

interface Used {
  readonly traceNo: number
  readonly month: number
  readonly model: number
  revision: number
}

/** A customer, its clock and everything that was done to it. */
async function openAccount(plan: object, grants: readonly { kind: 'paid' | 'promo'; amount: string }[] = []) {
  const customerId = `customer-${traces}-${Math.trunc(performance.now() * 1000)}`
  await storePlan(database.pool, customerId, { currency: 'USD', ...plan }, '2025-12-01T00:00:00Z')
  await storeCustomer(database.pool, customerId)
  await database.pool.query(
    `insert into aforo_store.subscriptions (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     values ('default', $1, $1, '2026-01-01', 'UTC', 1, '2025-12-01')`,
    [customerId],
  )
  // Behind all periods: what is to be billed when is the order of steps, not the clock.
  let now = start(MONTHS + 1)
  const tick = () => {
    now += 1000
    return new Date(now)
  }
  for (const { kind, amount } of grants) {
    const grant = { amount, kind, priority: 50, effectiveAt: null, expiresAt: null }
    await transaction(database.pool, (client) =>
      recordGrant(client, { tenantId: 'default', customerId }, grant, tick()),
    )
  }
  const used: Used[] = []
  const store = async (event: Used, tokens: number) => {
    const buckets = { ...NO_TOKENS, inputUncached: tokens }
    const call = modelCall(1, { model: MODELS[event.model]!, requestModel: MODELS[event.model]!, buckets })
    await storeEvent(database.pool, {
      traceNo: event.traceNo,
      revision: event.revision,
      customer: customerId,
      time: new Date(start(event.month) + 86_400_000),
      recordedAt: tick(),
      assembly: assemblyOf({ calls: [call] }),
    })
    await rater.rate(tick())
  }
  return {
    customerId,
    used,
    async use(month: number, tokens: number, model = 0) {
      const event = { traceNo: ++traces, month, model, revision: 0 }
      used.push(event)
      await store(event, tokens)
    },
    async revise(no: number, tokens: number) {
      const event = used[no % Math.max(used.length, 1)]
      if (!event) return
      event.revision++
      await store(event, tokens)
    },
    /** Null where the month is invoiced. */
    finalize: (month: number) =>
      transaction(database.pool, async (client) => {
        const period = { start: start(month), end: start(month + 1) }
        const order = { tenantId: 'default', customerId, period, currency: 'USD' }
        const { invoiceId } = await draftInvoice(client, order, tick())
        return finalizeInvoice(client, 'default', invoiceId, tick(), false)
      }).catch((error) => {
        if (/bills this period already/.test(error.message)) return null
        throw error
      }),
    /** Nothing where nothing is to give back. */
    async credit(no: number) {
      const invoices = (await documentsOf(customerId)).filter(({ document }) => document.kind === 'invoice')
      const { invoiceId } = invoices[no % Math.max(invoices.length, 1)] ?? {}
      if (!invoiceId) return
      const credit = (client: pg.PoolClient) => creditInvoice(client, 'default', invoiceId, tick())
      await transaction(database.pool, credit).catch((error) => {
        if (!/nothing is to give back| is void: /.test(error.message)) throw error
      })
    },
    async void(no: number, kind?: 'invoice') {
      const isOpen = ({ status, document: { kind: own } }: Stored) =>
        status === 'open' && (kind ?? own) === own
      const open = (await documentsOf(customerId)).filter(isOpen)
      const { invoiceId } = open[no % Math.max(open.length, 1)] ?? {}
      if (invoiceId)
        await transaction(database.pool, (client) =>
          stepInvoice(client, 'default', invoiceId, 'void', tick()),
        )
    },
  }
}

interface Stored {
  readonly invoiceId: string
  readonly status: string
  readonly document: InvoiceDocument
  readonly paid: string
}

async function documentsOf(customerId: string): Promise<readonly Stored[]> {
  const { rows } = await database.pool.query<Stored>(
    `select invoice_id as "invoiceId", status, document, (
       select coalesce(sum(owed_paid - before_paid), 0)::text from aforo_store.invoice_periods bill
       where bill.tenant_id = invoice.tenant_id and bill.invoice_id = invoice.invoice_id) as paid
     from aforo_store.invoices invoice where customer_id = $1 and status <> 'draft' order by cutoff, kind`,
    [customerId],
  )
  return rows
}

const sum = (amounts: readonly (string | Decimal)[]) => amounts.reduce<Decimal>((a, b) => a.plus(b), ZERO)

/** What the months come to by the price lines, and their end by the plan: not by way of any counter or invoice. */
async function owedBy(customerId: string, body: object): Promise<string> {
  const plan = parsePlan({ currency: 'USD', ...body })
  const { rows } = await database.pool.query<{ month: string; quantity: string; amount: string }>(
    `select extract(month from period_start at time zone 'UTC') - 1 as month, sum(quantity) as quantity, sum(amount) as amount
     from aforo_store.price_lines where customer_id = $1 group by 1`,
    [customerId],
  )
  const months = Array.from({ length: MONTHS + 1 }, (_, month) => {
    const { quantity = '0', amount = '0' } = rows.find((row) => Number(row.month) === month) ?? {}
    const { adjustments } = periodTotal(plan, [{ meterNo: 0, quantity: new Decimal(quantity) }])
    return sum([amount, ...adjustments.map((each) => each.amount)])
  })
  return sum(months).toFixed()
}

function checkDocument({ lines, ...document }: InvoiceDocument): void {
  if (document.kind === 'invoice') {
    expect([document.total, document.amount_due].filter((amount) => amount.startsWith('-'))).toEqual([])
  }
  for (const line of lines) {
    expect(line.amount).toBe(roundToCurrency(new Decimal(line.amount_exact), 'USD').toFixed(2))
    expect(sum([line.amount, line.residual]).equals(line.amount_exact)).toBe(true)
  }
  expect(sum(lines.map(({ amount }) => amount)).toFixed(2)).toBe(document.subtotal)
  expect(sum([document.subtotal, document.residual]).equals(document.amount_exact)).toBe(true)
  expect(sum([document.subtotal, `-${document.discount}`.replace('--', ''), document.tax]).toFixed(2)).toBe(
    document.total,
  )
}

async function auditOf(customerId: string) {
  const faults = []
  for (const { invoiceId } of await documentsOf(customerId)) {
    const look = (client: pg.PoolClient) => invoiceFaults(client, 'default', invoiceId)
    faults.push(...(await transaction(database.pool, look)))
  }
  return faults
}

describe('what others had billed of a period that is invoiced anew', () => {
  const plan = { meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '1', per: '100' }] }

  async function billedOnTheNextAndVoid(of: object = {}, grants: Parameters<typeof openAccount>[1] = []) {
    const account = await openAccount({ ...plan, ...of }, grants)
    await account.use(0, 1000)
    await account.use(1, 100)
    await account.finalize(0)
    await account.revise(0, 1500)
    await account.finalize(1)
    await account.void(0)
    return account
  }

  const toldOf = async (customerId: string) =>
    (await documentsOf(customerId))
      .filter(({ status }) => status !== 'void')
      .map(({ document: { kind, total, beside, lines } }) => ({
        kind,
        total,
        beside,
        lines: lines.map((line) => [line.kind, line.amount]),
      }))

  test('is set off where the period comes to more', async () => {
    const { customerId, finalize } = await billedOnTheNextAndVoid()
    await finalize(0)
    expect((await toldOf(customerId)).slice(1)).toMatchObject([
      {
        kind: 'invoice',
        total: '10.00',
        lines: [
          ['usage', '15.00'],
          ['billed_before', '-5.00'],
        ],
      },
    ])
    expect(await auditOf(customerId)).toEqual([])
  })

  test('is given back on a credit note where it comes to less', async () => {
    const { customerId, revise, finalize } = await billedOnTheNextAndVoid()
    await revise(0, 300)
    await finalize(0)
    const told = (await toldOf(customerId)).slice(1)
    expect(told.toSorted((a, b) => b.kind.localeCompare(a.kind))).toMatchObject([
      { kind: 'invoice', total: '3.00', lines: [['usage', '3.00']] },
      { kind: 'credit_note', total: '-5.00', lines: [['billed_before', '-5.00']] },
    ])
    expect(await auditOf(customerId)).toEqual([])
    // And it is billed once: what comes later is the difference to what both say.
    await revise(0, 400)
    await finalize(2)
    expect((await toldOf(customerId)).at(-1)).toMatchObject({ total: '1.00', lines: [['late', '1.00']] })
    expect(await auditOf(customerId)).toEqual([])
    expect(sum((await toldOf(customerId)).map(({ total }) => total)).toFixed()).toBe('5')
  })

  test('is given back in the credits that paid for it', async () => {
    const credits = { credit_rate: '0.5', bill_as: 'credits' }
    const grants = [
      { kind: 'promo' as const, amount: '24' },
      { kind: 'paid' as const, amount: '4' },
    ]
    const { customerId, revise, finalize } = await billedOnTheNextAndVoid(credits, grants)
    await revise(0, 300)
    await finalize(0)
    const documents = (await documentsOf(customerId)).filter(({ status }) => status !== 'void')
    for (const { document } of documents) checkDocument(document)
    expect(sum(documents.map(({ document }) => document.amount_due)).toFixed()).toBe('0')
    expect(await auditOf(customerId)).toEqual([])
  })
})

describe('whatever is used, corrected, finalised and made void, in whatever order', () => {
  test('invoices and credit notes come to what was rated and adjusted, before rounding and after', async () => {
    await fc.assert(
      fc.asyncProperty(
        METER,
        TERMS,
        fc.array(STEP, { minLength: 5, maxLength: 25 }),
        async (meter, terms, steps) => {
          const plan = { meters: [meter], ...terms }
          const account = await openAccount(plan)
          for (const step of steps) {
            if (step.do === 'use') await account.use(step.month, step.tokens, step.model)
            else if (step.do === 'revise') await account.revise(step.event, step.tokens)
            else if (step.do === 'finalize') await account.finalize(step.month)
            else if (step.do === 'credit') await account.credit(step.no)
            else await account.void(step.no)
          }
          for (let month = 0; month <= MONTHS; month++) await account.finalize(month)
          // What came of a month after its last invoice is on the next one made: that of the month that is free again.
          await account.void(0, 'invoice')
          for (let month = 0; month <= MONTHS; month++) await account.finalize(month)
          const counting = (await documentsOf(account.customerId)).filter(({ status }) => status !== 'void')
          for (const { document } of counting) checkDocument(document)
          expect(sum(counting.map(({ document }) => document.amount_exact)).toFixed()).toBe(
            await owedBy(account.customerId, plan),
          )
          expect(await auditOf(account.customerId)).toEqual([])
        },
      ),
      { numRuns: 12, endOnFailure: true },
    )
    const { rows } = await database.pool.query(
      `select count(*) = max(number) as gapless, min(number) as first from aforo_store.invoices
       where number is not null group by kind`,
    )
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expect(row).toEqual({ gapless: true, first: '1' })
  })

  test('credits that paid are on the invoices, promotional ones as a discount, to the last cent', async () => {
    const AMOUNT = fc.integer({ min: 1, max: 2000 }).map((cents) => new Decimal(cents).div(7).toFixed(6))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ kind: fc.constantFrom('paid' as const, 'promo' as const), amount: AMOUNT }), {
          maxLength: 3,
        }),
        fc.constantFrom('0.03', '0.05'),
        fc.array(STEP, { minLength: 5, maxLength: 15 }),
        async (grants, overage, steps) => {
          const meter = { meter: 'input_tokens', model: 'per_unit', unit_price: '3.333', per: '1000' }
          const plan = {
            meters: [meter],
            credit_rate: '0.03',
            bill_as: 'credits',
            overage: { unit_price: overage },
          }
          const account = await openAccount(plan, grants)
          for (const step of steps) {
            if (step.do === 'use') await account.use(step.month, step.tokens, step.model)
            else if (step.do === 'revise') await account.revise(step.event, step.tokens)
            else if (step.do === 'finalize') await account.finalize(step.month)
            else await account.void(step.no)
          }
          for (let month = 0; month <= MONTHS; month++) await account.finalize(month)
          await account.void(0)
          for (let month = 0; month <= MONTHS; month++) await account.finalize(month)
          const counting = (await documentsOf(account.customerId)).filter(({ status }) => status !== 'void')
          for (const { document } of counting) checkDocument(document)
          const { rows } = await database.pool.query<{ paid: string; overage: string }>(
            `select coalesce(sum(input - output) filter (where kind = 'paid'), 0)::text as paid,
               (select coalesce(sum(output - input), 0)::text from aforo_store.credit_balances
                where customer_id = $1 and account = 'overage') as overage
             from (select granted.kind, held.output as input, held.input - granted.amount as output
               from aforo_store.credit_grants granted join aforo_store.credit_balances held
                 on held.customer_id = granted.customer_id and held.account = 'grant:' || granted.grant_id
               where granted.customer_id = $1) taken`,
            [account.customerId],
          )
          const near = (told: Decimal, real: Decimal) => expect(told.toFixed(12)).toBe(real.toFixed(12))
          near(sum(counting.map(({ paid }) => paid)), new Decimal(rows[0]!.paid).mul('0.03'))
          const surcharge = new Decimal(rows[0]!.overage).mul(new Decimal(overage).minus('0.03'))
          near(
            sum(counting.map(({ document }) => document.amount_exact)),
            new Decimal(await owedBy(account.customerId, plan)).plus(surcharge),
          )
          if (new Decimal(rows[0]!.overage).isZero()) {
            expect(
              counting.map(({ document }) => document.amount_due).filter((due) => due !== '0.00'),
            ).toEqual([])
          }
        },
      ),
      { numRuns: 8, endOnFailure: true },
    )
  })
})
