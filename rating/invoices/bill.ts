import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { type Period, periodOf } from '../period.ts'
import { type BilledDocument, billedOf, readBilled, readLastVoid, type UnitBill } from './billed.ts'
import { partsOf, placeOf, type Unit, unitsWithin } from './calendar.ts'
import { type CounterRow, type CustomerBooks, meterOf } from './customer-books.ts'
import { foldLines } from './fold.ts'
import {
  type Amounts,
  type ExactLine,
  isNothing,
  minus,
  NOTHING,
  type Owed,
  owedOf,
  plus,
  type UsageSum,
} from './owed.ts'
import type { Bill, LateChange } from './totals.ts'
import { readCredits, readUsage } from './usage.ts'

/** What is to be billed, and as of when. */
export interface BillOrder {
  readonly tenantId: string
  readonly customerId: string
  /** A period of the customer. */
  readonly period: Period
  /** Null: that of the plans of the period. */
  readonly currency: string | null
  /** What was rated and posted before it counts, microseconds since 1970; null: everything. */
  readonly cutoff: number | null
  readonly books: CustomerBooks
  /** All counters of the customer. */
  readonly counters: readonly CounterRow[]
}

/** What a late change consists of. */
export interface LatePeriod extends LateChange {
  readonly bills: readonly UnitBill[]
}

/** What others had billed of a unit of the period, to be taken off. */
export interface BilledBefore extends LateChange {
  readonly subscriptionId: string
  readonly periodStart: number
}

/** What a period comes to, and what became of earlier ones since they were billed. Exact, not divided, not worded. */
export interface PeriodBill {
  readonly currency: string
  /** Other currencies of plans of the period: each has an invoice of its own. */
  readonly otherCurrencies: readonly string[]
  readonly period: Bill
  /** What its units come to, whatever was billed of them. */
  readonly bills: readonly UnitBill[]
  readonly before: readonly BilledBefore[]
  readonly late: readonly LatePeriod[]
}

/** @throws AforoError `conflict` where the books are broken or the currency is not to be told */
export async function billPeriod(client: pg.ClientBase, order: BillOrder): Promise<PeriodBill> {
  const { tenantId, customerId, period, cutoff, books } = order
  const units = withCounted(unitsWithin(books.terms, period), order, period)
  const found: { readonly unit: Unit; readonly usage: readonly UsageSum[] }[] = []
  for (const unit of units) found.push({ unit, usage: await readUsage(client, tenantId, unit, cutoff) })
  const [currency, otherCurrencies] = currencyOf(order, found)
  const billed = await readBilled(client, tenantId, customerId, currency, null)
  const lines: ExactLine[] = []
  const bills: UnitBill[] = []
  const before: BilledBefore[] = []
  let credits = NOTHING
  for (const { unit, usage } of found) {
    const owed = await owedOfUnit(client, order, unit, usage, currency)
    lines.push(...owed.lines)
    credits = plus(credits, owed)
    bills.push({ ...keyOf(unit), owed, before: NOTHING })
    before.push(...billedBefore(unit, billedOf(billed, ...keyParts(unit))))
  }
  const late: LatePeriod[] = []
  const voidedAt = await readLastVoid(client, tenantId, customerId)
  const changedAt = Math.max(books.recordedAt, voidedAt)
  for (const document of billed) {
    if (document.kind === 'invoice')
      late.push(...(await lateOf(client, order, document, { billed, changedAt, currency })))
  }
  return { currency, otherCurrencies, period: { lines: foldLines(lines), credits }, bills, before, late }
}

/** What a unit owes, from what its events were charged. */
export async function owedOfUnit(
  client: pg.ClientBase,
  { tenantId, customerId, cutoff, books }: Pick<BillOrder, 'tenantId' | 'customerId' | 'cutoff' | 'books'>,
  unit: Unit,
  usage: readonly UsageSum[],
  currency: string,
): Promise<Owed> {
  const parts = partsOf(unit, books.versionsOf(unit.term.planId))
  const versions = [...parts.map(({ version }) => ({ planId: unit.term.planId, version })), ...usage]
  const inCredits = versions.some(
    ({ planId, version }) => books.planOf(planId, version).bill_as === 'credits',
  )
  const credits = inCredits ? await readCredits(client, tenantId, customerId, unit, cutoff) : []
  return owedOf({ unit, parts, usage, credits }, books.planOf, currency)
}

/** A unit by its name, where the customer has or had the subscription. */
export function unitOf(books: CustomerBooks, subscriptionId: string, periodStart: number): Unit {
  const term = books.terms.find((each) => each.subscriptionId === subscriptionId)
  if (!term) {
    throw new AforoError('conflict', `the customer has no subscription ${subscriptionId}: see aforo audit`)
  }
  return { term, period: periodOf(periodStart, term.timezone, term.anchorDay) }
}

/** With units that something was counted in though their subscription is no longer in force there. */
function withCounted(
  units: readonly Unit[],
  { books, counters }: Pick<BillOrder, 'books' | 'counters'>,
  { start, end }: Period,
): readonly Unit[] {
  const all = new Map(units.map((unit) => [nameOf(...keyParts(unit)), unit]))
  for (const { subscriptionId, periodStart } of counters) {
    const name = nameOf(subscriptionId, periodStart)
    if (all.has(name)) continue
    const unit = unitOf(books, subscriptionId, periodStart)
    const place = placeOf(unit)
    if (place >= start && place < end) all.set(name, unit)
  }
  return [...all.values()]
}

/**
 * What the units of a period owe by their counters alone, without what credits paid: enough to know whether there is
 * anything to invoice, and in which currencies.
 */
export function currenciesOwed(
  books: CustomerBooks,
  counters: readonly CounterRow[],
  period: Period,
): readonly string[] {
  const units = withCounted(unitsWithin(books.terms, period), { books, counters }, period)
  const found = units.map((unit) => {
    const [subscriptionId, periodStart] = keyParts(unit)
    const own = counters.filter(
      (counter) => counter.subscriptionId === subscriptionId && counter.periodStart === periodStart,
    )
    return { unit, usage: own.map((counter) => usageOf(books, counter)) }
  })
  return currenciesOf(books, found).filter((currency) =>
    found.some(({ unit, usage }) => {
      const parts = partsOf(unit, books.versionsOf(unit.term.planId))
      return owedOf({ unit, parts, usage, credits: [] }, books.planOf, currency).lines.length > 0
    }),
  )
}

type FoundUnit = { readonly unit: Unit; readonly usage: readonly UsageSum[] }

function currenciesOf(books: CustomerBooks, found: readonly FoundUnit[]): readonly string[] {
  const currencies = new Set<string>()
  for (const { unit, usage } of found) {
    const { planId } = unit.term
    for (const { version } of partsOf(unit, books.versionsOf(planId))) {
      currencies.add(books.planOf(planId, version).currency)
    }
    for (const sum of usage) currencies.add(books.planOf(sum.planId, sum.version).currency)
  }
  return [...currencies].sort()
}

/** A counter as the usage it counted, of whatever model and tool. */
function usageOf(books: CustomerBooks, counter: CounterRow): UsageSum {
  const { planId, version, meterNo, quantity, amount } = counter
  const meter = meterOf(books, counter)
  return { planId, version, meterNo, meter, provider: null, model: null, tool: null, quantity, amount }
}

function currencyOf(
  { currency, books }: BillOrder,
  found: readonly FoundUnit[],
): readonly [string, readonly string[]] {
  const known = currenciesOf(books, found)
  if (currency !== null) return [currency, known.filter((each) => each !== currency)]
  if (known.length === 1) return [known[0]!, []]
  const why =
    known.length === 0
      ? 'the customer is on no plan in this period: say which currency'
      : `the plans of this period are in ${known.join(' and ')}: say which currency`
  throw new AforoError('conflict', why)
}

function billedBefore(unit: Unit, billed: Amounts): readonly BilledBefore[] {
  if (isNothing(billed)) return []
  const { term, period } = unit
  const change = minus(NOTHING, billed)
  const line: ExactLine = {
    ...WHOLE,
    kind: 'billed_before',
    exact: change.gross,
    from: Math.max(period.start, term.from),
    to: Math.min(period.end, term.until),
    byCredits: !change.promo.isZero() || !change.paid.isZero(),
  }
  return [{ ...keyOf(unit), line, change }]
}

const WHOLE = {
  plan: null,
  meterNo: null,
  meter: null,
  provider: null,
  model: null,
  tool: null,
  quantity: null,
  byCredits: false,
  refersTo: null,
} as const

/** What became of the period of one finalised invoice since it was billed; null where nothing did. */
export async function lateOfInvoice(
  client: pg.ClientBase,
  order: Omit<BillOrder, 'currency' | 'period'>,
  invoiceId: string,
  currency: string,
): Promise<LatePeriod | null> {
  const { tenantId, customerId, books } = order
  const billed = await readBilled(client, tenantId, customerId, currency, null)
  const document = billed.find((each) => each.invoiceId === invoiceId)
  if (!document) return null
  const changedAt = Math.max(books.recordedAt, await readLastVoid(client, tenantId, customerId))
  const [late] = await lateOf(client, order, document, { billed, changedAt, currency })
  return late ?? null
}

interface LateQuestion {
  readonly billed: readonly BilledDocument[]
  /** When a subscription, a plan or an invoice last changed what is owed or billed; microseconds since 1970. */
  readonly changedAt: number
  readonly currency: string
}

/**
 * What an invoiced period comes to by now, less what is billed of it: one line for all of it. From the counters, which
 * hold what each meter counted and was charged.
 */
async function lateOf(
  client: pg.ClientBase,
  order: Omit<BillOrder, 'currency' | 'period'>,
  document: BilledDocument,
  { billed, changedAt, currency }: LateQuestion,
): Promise<readonly LatePeriod[]> {
  const { books, counters } = order
  const { from: start, to: end, number } = document
  const bills: UnitBill[] = []
  for (const unit of withCounted(unitsWithin(books.terms, { start, end }), order, { start, end })) {
    const [subscriptionId, periodStart] = keyParts(unit)
    const own = counters.filter(
      (counter) => counter.subscriptionId === subscriptionId && counter.periodStart === periodStart,
    )
    const last = lastCutoff(billed, subscriptionId, periodStart)
    // Nothing was counted since, no plan changed, and nothing that was billed came back.
    if (changedAt < last && own.every(({ ratedAt }) => ratedAt <= last)) continue
    const usage = own.map((counter) => usageOf(books, counter))
    const owed = await owedOfUnit(client, order, unit, usage, currency)
    const before = billedOf(billed, subscriptionId, periodStart)
    if (!isNothing(minus(owed, before))) bills.push({ ...keyOf(unit), owed, before })
  }
  if (bills.length === 0) return []
  const change = bills.reduce((sum, { owed, before }) => plus(sum, minus(owed, before)), NOTHING)
  const line: ExactLine = {
    ...WHOLE,
    kind: 'late',
    exact: change.gross,
    from: start,
    to: end,
    byCredits: !change.promo.isZero() || !change.paid.isZero(),
    refersTo: number,
  }
  return [{ line, change, bills }]
}

/** When the unit was billed last; before all time where it never was. */
function lastCutoff(billed: readonly BilledDocument[], subscriptionId: string, periodStart: number): number {
  return billed
    .filter(({ bills }) =>
      bills.some((bill) => bill.subscriptionId === subscriptionId && bill.periodStart === periodStart),
    )
    .reduce((latest, { cutoff }) => Math.max(latest, cutoff), -1)
}

function keyParts({ term, period }: Unit): [string, number] {
  return [term.subscriptionId, period.start]
}

function keyOf(unit: Unit) {
  const [subscriptionId, periodStart] = keyParts(unit)
  return { subscriptionId, periodStart }
}

function nameOf(subscriptionId: string, periodStart: number): string {
  return `${subscriptionId} ${periodStart}`
}
