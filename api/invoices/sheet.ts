import type { InvoiceDocument, InvoiceLine, InvoiceStatus } from '../../core/invoice.ts'
import { Decimal } from '../../core/money.ts'
import { grouped } from '../text-table.ts'

/** An invoice as it stands on paper: every text of it, in its order. What is drawn of it, in whatever form, is this. */
export interface Sheet {
  readonly title: string
  /** Draft, void, paid: what must not be overlooked. Null: it is to be paid. */
  readonly stamp: string | null
  readonly seller: readonly string[]
  readonly buyer: readonly string[]
  readonly facts: readonly (readonly [label: string, value: string])[]
  readonly rows: readonly SheetRow[]
  readonly sums: readonly SheetSum[]
  readonly notes: readonly string[]
}

export interface SheetRow {
  readonly no: string
  readonly description: string
  /** How it was counted, under which plan, and when. */
  readonly detail: string
  readonly quantity: string
  readonly unit: string
  readonly amount: string
}

export interface SheetSum {
  readonly label: string
  readonly amount: string
  readonly isMain: boolean
}

const STAMPS: Readonly<Record<InvoiceStatus, string | null>> = {
  draft: 'DRAFT',
  open: null,
  paid: 'PAID',
  void: 'VOID',
  uncollectible: 'UNCOLLECTIBLE',
}

/** Lays an invoice out as text. */
export function sheetOf(document: InvoiceDocument, status: InvoiceStatus): Sheet {
  const { kind, number, seller, buyer, customer, currency } = document
  const title = kind === 'invoice' ? 'Invoice' : 'Credit note'
  return {
    title: number === null ? `${title} (draft)` : `${title} ${number}`,
    stamp: STAMPS[status],
    seller: partyLines(seller, 'Seller not stated'),
    buyer: partyLines({ ...buyer, name: buyer.name ?? customer }, customer),
    facts: factsOf(document),
    rows: document.lines.map((line) => rowOf(line, document)),
    sums: sumsOf(document),
    notes: notesOf(document, currency),
  }
}

function partyLines(party: InvoiceDocument['seller'], unnamed: string): readonly string[] {
  const lines = [party.name ?? unnamed, ...(party.address?.split('\n') ?? [])]
  return party.tax_id === null ? lines : [...lines, `Tax id ${party.tax_id}`]
}

function factsOf(document: InvoiceDocument): Sheet['facts'] {
  const { customer, timezone, beside, currency } = document
  const date = (instant: string | null) => (instant === null ? 'when finalised' : dayIn(instant, timezone))
  return [
    ['Date', date(document.issued_at)],
    ['Due', date(document.due_at)],
    ['Period', periodWords(document.period_from, document.period_to, timezone)],
    ['Customer', customer],
    ['Currency', currency],
    ...(beside === null ? [] : [['Beside', beside] as const]),
  ]
}

function rowOf(line: InvoiceLine, document: InvoiceDocument): SheetRow {
  const { plan, plan_version: version, pricing, quantity, unit } = line
  const isWhole = line.period_from === document.period_from && line.period_to === document.period_to
  const details = [
    ...(pricing === null ? [] : [pricing]),
    ...(plan === null ? [] : [`plan ${plan} version ${version}`]),
    ...(isWhole ? [] : [periodWords(line.period_from, line.period_to, document.timezone)]),
  ]
  return {
    no: String(line.line_no),
    description: line.description,
    detail: details.join(' · '),
    quantity: quantity === null ? '' : grouped(quantity),
    unit: unit ?? '',
    amount: money(line.amount),
  }
}

function sumsOf(document: InvoiceDocument): readonly SheetSum[] {
  const { discount, credits_applied: credits, currency, tax_label: label, tax_rate_pct: rate } = document
  const sum = (name: string, amount: string, isMain = false) => ({
    label: name,
    amount: money(amount),
    isMain,
  })
  const isNothing = (amount: string) => new Decimal(amount).isZero()
  const due = document.kind === 'invoice' ? 'Amount due' : 'Amount credited'
  return [
    sum('Subtotal', document.subtotal),
    ...(isNothing(discount)
      ? []
      : [sum('Promotional credits', negated(discount)), sum('Taxable', document.taxable)]),
    sum(`${label} ${rate} %`, document.tax),
    sum('Total', document.total, true),
    ...(isNothing(credits) ? [] : [sum('Paid with credits', negated(credits))]),
    sum(`${due} (${currency})`, document.amount_due, true),
  ]
}

function notesOf(document: InvoiceDocument, currency: string): readonly string[] {
  const { amount_exact: exact, residual, cutoff, warnings } = document
  return [
    `Each line is rounded once. Before rounding the lines come to ${grouped(exact)} ${currency}; rounding left ${residual}.`,
    cutoff === null
      ? 'A draft: it changes with what is reported until it is finalised.'
      : `Usage reported and rated before ${cutoff} is included; what came later is on a later invoice.`,
    ...warnings.map(({ kind, count, scope }) => {
      const whose = scope === 'customer' ? '' : ' (of no customer in particular)'
      return `Not included: ${count} ${kind.replaceAll('_', ' ')}${whose}.`
    }),
  ]
}

function money(amount: string): string {
  const [whole, fraction] = amount.split('.')
  return fraction === undefined ? grouped(whole!) : `${signed(whole!, amount)}.${fraction}`
}

/** `-0.50` has a whole part of zero, whose sign a number does not keep. */
function signed(whole: string, amount: string): string {
  const text = grouped(whole.replace('-', ''))
  return amount.startsWith('-') ? `-${text}` : text
}

function negated(amount: string): string {
  return amount.startsWith('-') ? amount.slice(1) : `-${amount}`
}

function periodWords(from: string, to: string, timezone: string): string {
  const last = new Date(Date.parse(to) - 1).toISOString()
  const zone = timezone === 'UTC' ? '' : ` (${timezone})`
  return `${dayIn(from, timezone)} to ${dayIn(last, timezone)}${zone}`
}

/** The calendar day of an instant: 2026-11-23. */
function dayIn(instant: string, timezone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' }).format(
    Date.parse(instant),
  )
}
