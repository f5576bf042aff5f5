import { describe, expect, test } from 'vitest'
import { invoiceHtml } from '../../api/invoices/html.ts'
import { MISSING_TOLD_MAX } from '../../api/invoices/letters.ts'
import { invoicePdf } from '../../api/invoices/pdf.ts'
import { sheetOf } from '../../api/invoices/sheet.ts'
import { Decimal } from '../../core/money.ts'
import type { Parties } from '../../rating/invoices/customer-books.ts'
import { documentOf } from '../../rating/invoices/document.ts'
import { foldLines, USAGE_LINES_MAX } from '../../rating/invoices/fold.ts'
import type { ExactLine } from '../../rating/invoices/owed.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { readPdf } from '../support/pdf-text.ts'

const NOON = new Date('2026-12-01T12:00:00Z')
const period = { start: Date.parse('2026-11-01T00:00:00Z'), end: Date.parse('2026-12-01T00:00:00Z') }
const body = parsePlan({
  currency: 'USD',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '3.33', per: '1000' }],
})
const parties: Parties = {
  name: 'Søren <& Söhne>',
  address: 'Straße 1\n10115 Berlin',
  taxId: 'DE123',
  taxRatePct: '19',
  taxLabel: 'VAT',
  seller: { name: 'Aforo GmbH', address: 'Weg 2\nMünchen', payment_days: 14 },
}

function line(no: number): ExactLine {
  return {
    kind: 'usage',
    plan: { planId: 'pro', version: 2, body },
    meterNo: 0,
    meter: 'input_tokens',
    provider: 'anthropic',
    model: `claude-${no}`,
    tool: null,
    quantity: new Decimal(no).mul(1_234_567).plus('0.5'),
    exact: new Decimal(no).mul('1234.56789'),
    from: period.start,
    to: period.end,
    byCredits: no % 2 === 0,
    refersTo: null,
  }
}

function document(lines: number, currency = 'USD') {
  const head = {
    kind: 'invoice' as const,
    number: 'INV-000042',
    beside: null,
    customer: 'søren',
    parties,
    currency,
    period,
    timezone: 'UTC',
    cutoff: NOON.getTime(),
    issuedAt: NOON.getTime(),
    warnings: [{ kind: 'unpriced', count: 3, scope: 'customer' as const }],
  }
  const credits = { promo: new Decimal('10.005'), paid: new Decimal('20.111') }
  return documentOf(head, {
    lines: Array.from({ length: lines }, (_, no) => line(no + 1)),
    credits: lines > 1 ? credits : { promo: new Decimal(0), paid: new Decimal(0) },
  })
}

/** Every number of the document, as it is written with separators and without. */
function numbersOf(made: ReturnType<typeof document>): readonly string[] {
  const { subtotal, discount, taxable, tax, total, credits_applied, amount_due } = made
  const sums = [subtotal, discount, taxable, tax, total, credits_applied, amount_due]
  return [...made.lines.flatMap(({ quantity, amount }) => [quantity!, amount]), ...sums]
}

describe.each(['USD', 'JPY', 'KWD'])('the forms of an invoice in %s', (currency) => {
  test.each([1, 7, 500])('say the same numbers, %d lines', async (lines) => {
    const made = document(lines, currency)
    const sheet = sheetOf(made, 'open')
    const html = invoiceHtml(sheet)
    const { texts, pages } = readPdf(await invoicePdf(sheet, NOON))
    const printed = [
      ...texts
        .join('\n')
        .replaceAll(',', '')
        .matchAll(/-?\d[\d.]*/g),
    ].map(([text]) => text)
    const shown = [...html.replaceAll(',', '').matchAll(/(?<=>)-?\d[\d.]*(?=<)/g)].map(([text]) => text)
    const unsigned = (all: readonly string[]) => new Set(all.map((text) => text.replace('-', '')))
    const [inPdf, inHtml] = [unsigned(printed), unsigned(shown)]
    const isShown = (text: string) => !new Decimal(text).isZero()
    expect(numbersOf(made).filter((text) => isShown(text) && !inPdf.has(text))).toEqual([])
    expect(numbersOf(made).filter((text) => isShown(text) && !inHtml.has(text))).toEqual([])
    // Line by line, in order.
    expect(sheet.rows.map(({ amount }) => amount.replaceAll(',', ''))).toEqual(
      made.lines.map(({ amount }) => amount),
    )
    expect(pages).toBe(lines === 500 ? 23 : 1)
    expect(
      texts.filter((text) => text === 'Description').length,
      'every page with lines has their heads',
    ).toBeGreaterThanOrEqual(pages - 1)
    expect(texts).toContain(`Invoice INV-000042 · page ${pages} of ${pages}`)
  })
})

test('names are shown as they are, and make no markup', async () => {
  const sheet = sheetOf(document(1), 'paid')
  const html = invoiceHtml(sheet)
  expect(html).toContain('Søren &lt;&amp; Söhne&gt;')
  expect(html).not.toMatch(/<script|<& S/)
  const { texts } = readPdf(await invoicePdf(sheet, NOON))
  expect(texts).toContain('Søren <& Söhne>')
  expect(texts).toContain('PAID')
})

describe('a name in the PDF', () => {
  const written = async (name: string) => {
    const made = { ...document(1), buyer: { name, address: null, tax_id: null } }
    return readPdf(await invoicePdf(sheetOf(made, 'open'), NOON)).texts
  }

  test.each([
    'Łódź Żółć sp. z o.o.',
    'İstanbul Ağaç Ürünleri A.Ş.',
    'Công ty Nguyễn Trường Đại ợ ữ ẵ',
    'Ελληνική Εταιρεία Ά.Ε.',
    'ООО «Московский Ёж», Київ їґ',
    'Ķēniņš Ščepán Țiriac',
    'Հայաստան · საქართველო · ₹ ₺ ₴ € ₫',
    'Nguyê\u0303n'.normalize('NFD'),
  ])('is written in its letters: %s', async (name) => {
    const texts = await written(name)
    expect(texts).toContain(name.normalize('NFC'))
    expect(texts.join('')).not.toMatch(/[?□]/)
  })

  test('is written from the right where it is read so', async () => {
    const texts = (await written('שלום בית acme')).join('|')
    expect(texts).toContain('תיב\u00a0םולש acme')
  })

  test('shows what the font lacks, and a note says what that is', async () => {
    const texts = (await written('株式会社 Tanaka ไทย 🦊')).join('\n')
    expect(texts).toContain('□□□□ Tanaka □□□ □')
    expect(texts).toContain('U+682A, U+5F0F, U+4F1A, U+793E, U+0E44, U+0E17, U+0E22, U+1F98A')
    const all = String.fromCodePoint(...Array.from({ length: MISSING_TOLD_MAX + 1 }, (_, no) => 0x4e00 + no))
    expect((await written(all)).join(' ')).toContain(' and 1 more')
    expect((await written(all.slice(1))).join(' ')).not.toContain(' more.')
  })
})

test('the same sheet is the same file', async () => {
  const sheet = sheetOf(document(3), 'open')
  expect(await invoicePdf(sheet, NOON)).toEqual(await invoicePdf(sheet, NOON))
})

test('usage of more models than anybody reads is told by meter', () => {
  const lines = Array.from({ length: USAGE_LINES_MAX + 1 }, (_, no) => line(no))
  expect(foldLines(lines.slice(1))).toHaveLength(USAGE_LINES_MAX)
  const [folded, ...rest] = foldLines(lines)
  expect(rest).toEqual([])
  expect(folded).toMatchObject({ model: null, meterNo: 0 })
  expect(folded!.exact).toEqual(lines.reduce((sum, { exact }) => sum.plus(exact), new Decimal(0)))
})
