import type pg from 'pg'
import { roundToCurrency } from '../../core/currency.ts'
import type { InvoiceDocument, InvoiceLine } from '../../core/invoice.ts'
import { invoiceNumber } from '../../core/invoice.ts'
import { Decimal, decimalText, ZERO } from '../../core/money.ts'
import { owedOfUnit, unitOf } from './bill.ts'
import { billedOf, readBilled, readBillOfBoth, readUnitBills } from './billed.ts'
import { placeOf } from './calendar.ts'
import { readCustomerBooks } from './customer-books.ts'
import { contentHash } from './finalize.ts'
import { foldLines } from './fold.ts'
import { type ExactLine, isNothing, minus, NOTHING, plus } from './owed.ts'
import { readUsage } from './usage.ts'

/** What of a finalised invoice is not as it must be. */
export interface InvoiceFault {
  readonly check: 'invoices' | 'invoice_lines' | 'invoice_periods'
  readonly found: string
}

interface StoredInvoice {
  readonly customer: string
  readonly kind: InvoiceDocument['kind']
  readonly number: string
  readonly cutoff: string
  readonly document: InvoiceDocument
  readonly hash: string
  /** Columns that are not what the document says. */
  readonly unlike: readonly string[]
  readonly sums: Record<(typeof SUMS)[number], string>
}

const SUMS = [
  'amount_exact',
  'subtotal',
  'discount',
  'tax',
  'total',
  'credits_applied',
  'amount_due',
] as const

/** Columns that repeat what the document says, each with where it says so. */
const HEAD = [
  ['kind', `document->>'kind'`],
  ['customer_id', `document->>'customer'`],
  ['currency', `document->>'currency'`],
  ['period_from', `(document->>'period_from')::timestamptz`],
  ['period_to', `(document->>'period_to')::timestamptz`],
  ['cutoff', `(document->>'cutoff')::timestamptz`],
  ['finalized_at', `(document->>'issued_at')::timestamptz`],
] as const

/**
 * Compares a finalised invoice with what it was made of: its hash, its sums, its lines with the price lines that were
 * rated before its cutoff and with what was due at the period's end, and what it bills with what others had billed.
 */
export async function invoiceFaults(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
): Promise<readonly InvoiceFault[]> {
  const stored = await readStored(client, tenantId, invoiceId)
  if (stored === null) return []
  const faults: InvoiceFault[] = []
  const { document } = stored
  const fault = (check: InvoiceFault['check'], found: string) => faults.push({ check, found })
  if (contentHash(document) !== stored.hash)
    fault('invoices', 'does not say what it said when it was finalised')
  if (document.number !== invoiceNumber(stored.kind, stored.number)) {
    fault('invoices', `is number ${stored.number} and says ${document.number}`)
  }
  for (const name of SUMS) {
    if (!new Decimal(stored.sums[name]).equals(document[name])) {
      fault('invoices', `has ${name} ${stored.sums[name]}, and says ${document[name]}`)
    }
  }
  for (const column of stored.unlike) fault('invoices', `has another ${column} than it says`)
  for (const found of sumFaults(document)) fault('invoices', found)
  for (const found of await storedLineFaults(client, tenantId, invoiceId, document.lines)) {
    fault('invoice_lines', found)
  }
  try {
    faults.push(...(await derivedFaults(client, tenantId, invoiceId, stored)))
  } catch (error) {
    fault('invoice_periods', `cannot be worked out again: ${(error as Error).message}`)
  }
  return faults
}

function* sumFaults(document: InvoiceDocument): Generator<string> {
  const { lines, currency, amount_exact, residual, subtotal, discount, taxable, tax, total } = document
  const add = (amounts: readonly string[]) => amounts.reduce((sum, amount) => sum.plus(amount), ZERO)
  const differ = (name: string, said: string, is: Decimal) =>
    new Decimal(said).equals(is) ? [] : [`says ${name} ${said}, and it is ${decimalText(is)}`]
  for (const line of lines) {
    const rounded = roundToCurrency(new Decimal(line.amount_exact), currency)
    yield* differ(`the amount of line ${line.line_no} is`, line.amount, rounded)
    yield* differ(
      `the residual of line ${line.line_no} is`,
      line.residual,
      new Decimal(line.amount_exact).minus(line.amount),
    )
  }
  yield* differ('amount_exact', amount_exact, add(lines.map((line) => line.amount_exact)))
  yield* differ('subtotal', subtotal, add(lines.map((line) => line.amount)))
  yield* differ('residual', residual, new Decimal(amount_exact).minus(subtotal))
  yield* differ('taxable', taxable, new Decimal(subtotal).minus(discount))
  const taxed = roundToCurrency(new Decimal(taxable).mul(document.tax_rate_pct).div(100), currency)
  yield* differ('tax', tax, taxed)
  yield* differ('total', total, new Decimal(taxable).plus(tax))
  yield* differ('amount_due', document.amount_due, new Decimal(total).minus(document.credits_applied))
}

const MILLIS = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`

async function storedLineFaults(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  lines: readonly InvoiceLine[],
): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select concat_ws(' ', line_no, kind, plan_id, plan_version, meter_no, meter, provider, model, tool,
       trim_scale(quantity), unit, trim_scale(amount_exact), trim_scale(amount), trim_scale(residual),
       to_char(period_from at time zone 'UTC', ${MILLIS}), to_char(period_to at time zone 'UTC', ${MILLIS})) as name
     from aforo_store.invoice_lines where tenant_id = $1 and invoice_id = $2 order by line_no`,
    [tenantId, invoiceId],
  )
  const said = lines.map((line) => {
    const { kind, plan, plan_version, meter_no, meter, provider, model, tool, unit } = line
    const number = (text: string | null) => text && decimalText(new Decimal(text))
    const amounts = [line.amount_exact, line.amount, line.residual].map(number)
    return [line.line_no, kind, plan, plan_version, meter_no, meter, provider, model, tool]
      .concat(number(line.quantity), unit, amounts, line.period_from, line.period_to)
      .filter((part) => part !== null)
      .join(' ')
  })
  const stored = rows.map(({ name }) => name)
  const missing = said.filter((name) => !stored.includes(name)).slice(0, 1)
  const other = stored.filter((name) => !said.includes(name)).slice(0, 1)
  return [...missing.map((name) => `lacks the line ${name}`), ...other.map((name) => `has the line ${name}`)]
}

/** Works out again what the invoice bills, as of its cutoff. */
async function derivedFaults(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  { customer: customerId, cutoff: at, kind, document }: StoredInvoice,
): Promise<readonly InvoiceFault[]> {
  const faults: InvoiceFault[] = []
  const cutoff = Number(at)
  const { currency } = document
  const books = await readCustomerBooks(client, tenantId, customerId, cutoff)
  const billed = await readBilled(client, tenantId, customerId, currency, cutoff)
  const [start, end] = [document.period_from, document.period_to].map(Date.parse) as [number, number]
  const own: ExactLine[] = []
  let others = NOTHING
  for (const bill of await readUnitBills(client, tenantId, invoiceId)) {
    const { subscriptionId, periodStart } = bill
    const unit = unitOf(books, subscriptionId, periodStart)
    const usage = await readUsage(client, tenantId, unit, cutoff)
    const owed = await owedOfUnit(client, { tenantId, customerId, cutoff, books }, unit, usage, currency)
    const before = billedOf(billed, subscriptionId, periodStart)
    // What others had billed of the period may be given back on the note beside the invoice: they count together.
    const both = await readBillOfBoth(client, tenantId, invoiceId, bill)
    const name = `subscription ${subscriptionId}, period ${new Date(periodStart).toISOString()}`
    // What was billed is looked for by the very instant: under another one it would be billed once more.
    if (unit.period.start !== periodStart) {
      const begins = new Date(unit.period.start).toISOString()
      faults.push({ check: 'invoice_periods', found: `bills ${name}, and that period begins at ${begins}` })
    }
    if (!isNothing(minus(owed, both.owed))) {
      const told = `${decimalText(both.owed.gross)}, and it came to ${decimalText(owed.gross)}`
      faults.push({ check: 'invoice_periods', found: `says of ${name} that it came to ${told}` })
    }
    if (!isNothing(minus(before, both.before))) {
      const told = `${decimalText(both.before.gross)} was billed, and ${decimalText(before.gross)} was`
      faults.push({ check: 'invoice_periods', found: `says of ${name} that ${told}` })
    }
    const place = placeOf(unit)
    // A note that stands alone is of the period that it gives back of.
    const isAlone = kind === 'credit_note' && document.beside === null
    if (isAlone || place < start || place >= end) others = plus(others, minus(owed, before))
    else {
      if (kind === 'invoice') own.push(...owed.lines)
      others = minus(others, bill.before)
    }
  }
  const key = (line: { kind: string; meterNo: number | null }, rest: readonly (string | number | null)[]) =>
    [line.kind, line.meterNo, ...rest].map((part) => part ?? '-').join(' ')
  const derived = foldLines(own).map((line) =>
    key(line, [line.plan?.version ?? null, line.provider, line.model, line.tool, decimalText(line.exact)]),
  )
  const isOwn = (line: InvoiceLine) => line.kind !== 'late' && line.kind !== 'billed_before'
  const said = document.lines
    .filter(isOwn)
    .map((line) =>
      key({ kind: line.kind, meterNo: line.meter_no }, [
        line.plan_version,
        line.provider,
        line.model,
        line.tool,
        line.amount_exact,
      ]),
    )
  const [missing] = derived.filter((line) => !said.includes(line))
  const [other] = said.filter((line) => !derived.includes(line))
  if (missing !== undefined)
    faults.push({ check: 'invoice_lines', found: `lacks what was rated: ${missing}` })
  if (other !== undefined) faults.push({ check: 'invoice_lines', found: `has what was not rated: ${other}` })
  const late = document.lines
    .filter((line) => !isOwn(line))
    .reduce((sum, line) => sum.plus(line.amount_exact), ZERO)
  if (!late.equals(others.gross)) {
    const found = `bills ${decimalText(late)} of what is late, and that came to ${decimalText(others.gross)}`
    faults.push({ check: 'invoice_lines', found })
  }
  return faults
}

async function readStored(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
): Promise<StoredInvoice | null> {
  const unlike = HEAD.map(
    ([column, said]) => `case when ${column} is distinct from ${said} then '${column}' end`,
  ).join(', ')
  const sums = SUMS.map((name) => `'${name}', ${name}::text`).join(', ')
  const { rows } = await client.query<StoredInvoice>(
    `select customer_id as customer, kind, number::text as number,
       (extract(epoch from cutoff) * 1000000)::bigint::text as cutoff, document, content_hash as hash,
       array_remove(array[${unlike}], null) as unlike,
       json_build_object(${sums}) as sums
     from aforo_store.invoices where tenant_id = $1 and invoice_id = $2 and status <> 'draft'`,
    [tenantId, invoiceId],
  )
  return rows[0] ?? null
}
