import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../core/money.ts'
import { bookedName, type CostLine, costLineName } from './costs/cost.ts'
import { bookedPrices, costDifference } from './difference.ts'

const LINE: fc.Arbitrary<CostLine> = fc
  .record({
    model: fc.constantFrom('a', 'b'),
    row: fc.constantFrom(null, '1', '2'),
    quantity: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ model, row, quantity }) => ({
    part: 'prompt',
    provider: 'p',
    model,
    tool: null,
    meter: 'input_uncached',
    serviceTier: 'standard',
    quantity: new Decimal(quantity),
    price: row && {
      priceRowId: row,
      unitPrice: new Decimal(row),
      per: new Decimal(1),
      currency: 'USD',
      contextFrom: 0,
    },
    amount: row && new Decimal(row).mul(quantity),
    spanIds: [`span-${model}-${row}`],
  })) as fc.Arbitrary<CostLine>

const LINES = fc.uniqueArray(LINE, { selector: costLineName, maxLength: 6 })

test('differences of revisions add up to the newest one, whatever came between', () => {
  fc.assert(
    fc.property(fc.array(LINES, { minLength: 1, maxLength: 6 }), (revisions) => {
      const booked: CostLine[] = []
      for (const desired of revisions) booked.push(...costDifference(desired, booked))
      expect(summary(booked)).toEqual(summary(revisions.at(-1)!))
      expect(costDifference(revisions.at(-1)!, booked)).toEqual([])
    }),
  )
})

test('a price stays findable by its span through later revisions', () => {
  fc.assert(
    fc.property(LINES, LINES, (first, second) => {
      const booked = [...costDifference(first, [])]
      booked.push(...costDifference(second, booked))
      const known = bookedPrices(booked)
      for (const line of second.filter(({ price }) => price)) {
        for (const span of line.spanIds) expect(known.has(bookedName(span, line))).toBe(true)
      }
    }),
  )
})

/** Of each span the row it is priced by, and how much it counts; spans come, go and change their rows. */
const SPANS = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.record({ row: fc.constantFrom('1', '2'), quantity: fc.integer({ min: 1, max: 3 }) }),
)

test('after a correction each span keeps the price it has by now, whichever line named it last', () => {
  fc.assert(
    fc.property(fc.array(SPANS, { minLength: 1, maxLength: 6 }), (revisions) => {
      const booked: CostLine[] = []
      for (const spans of revisions) booked.push(...costDifference(linesOf(spans), booked))
      const prices = bookedPrices(booked)
      const newest = Object.entries(revisions.at(-1)!)
      for (const [span, { row }] of newest) {
        expect(prices.get(bookedName(span, LINE_OF_SPANS))?.priceRowId).toBe(row)
      }
      expect(prices.size).toBe(newest.length)
    }),
  )
})

const LINE_OF_SPANS = {
  part: 'prompt',
  provider: 'p',
  model: 'a',
  tool: null,
  meter: 'input_uncached',
  serviceTier: 'standard',
} as const

/** One line per row, as the costing makes them. */
function linesOf(spans: Readonly<Record<string, { row: string; quantity: number }>>): readonly CostLine[] {
  const groups = Map.groupBy(Object.entries(spans), ([, { row }]) => row)
  return [...groups].map(([row, members]) => {
    const quantity = new Decimal(members.reduce((sum, [, each]) => sum + each.quantity, 0))
    const price = { priceRowId: row, unitPrice: new Decimal(row), per: new Decimal(1), currency: 'USD' }
    const spanIds = members.map(([span]) => span)
    return { ...LINE_OF_SPANS, quantity, price, amount: quantity.mul(row), spanIds } as unknown as CostLine
  })
}

function summary(lines: readonly CostLine[]): Record<string, string> {
  const sums = new Map<string, [Decimal, Decimal]>()
  for (const line of lines) {
    const [quantity, amount] = sums.get(costLineName(line)) ?? [new Decimal(0), new Decimal(0)]
    sums.set(costLineName(line), [quantity.plus(line.quantity), amount.plus(line.amount ?? 0)])
  }
  const kept = [...sums].filter(([, [quantity]]) => !quantity.isZero()).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(kept.map(([name, [quantity, amount]]) => [name, `${quantity} ${amount}`]))
}
