import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, ZERO } from '../../core/money.ts'
import { assemblyOf, modelCall, NOON } from '../../test/rating/events.ts'
import { AS_REPORTED, costCalls, costInto, type PriceOf, type UsedPrice } from '../costs/cost.ts'
import { isWhole } from '../costs/cost-sums.ts'
import { SwitchedCosts } from './switched-costs.ts'
import { PRICED_COUNTS_MAX, UsageSums } from './tally.ts'

const AT = BigInt(NOON.getTime()) * 1_000_000n
const MODELS = ['a', 'b', 'c'] as const
const METERS = ['input_uncached', 'cache_read', 'output', 'reasoning', 'web_search', 'request'] as const

const digits = (most: number) => fc.bigInt({ min: 0n, max: 10n ** BigInt(most) - 1n })
const decimal = fc
  .tuple(digits(12), fc.integer({ min: 0, max: 15 }))
  .map(([n, places]) => new Decimal(`${n}e-${places}`))
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { freq: 3, nil: null })

const anyPrice: fc.Arbitrary<UsedPrice> = fc.record({
  priceRowId: fc.constantFrom('1', '2', '3'),
  unitPrice: decimal,
  per: fc.constantFrom('1', '1000', '1000000', '7', '8', '60').map((per) => new Decimal(per)),
  currency: fc.constant('USD'),
  contextFrom: fc.constant(0),
  feeBasis: fc.constantFrom('call', 'request'),
  minQuantity: maybe(fc.constantFrom('5', '0.5').map((least) => new Decimal(least))),
  roundingQuantity: maybe(fc.constantFrom('4', '0.25').map((multiple) => new Decimal(multiple))),
  discount: maybe(decimal.map((pct) => ({ id: 'd', pct: pct.mod(100) }))),
  fx: maybe(decimal.map((usd) => ({ id: 'f', usd }))),
})
/** What each model has by meter; none: unpriced. */
const anyBook = fc.dictionary(
  fc.constantFrom(...MODELS.flatMap((model) => METERS.map((meter) => `${model} ${meter}`))),
  anyPrice,
)
const count = fc.oneof(fc.nat(5_000), fc.constant(0), fc.maxSafeNat())
const anyCall = fc
  .record({
    model: fc.constantFrom(...MODELS),
    buckets: fc.record({
      inputUncached: count,
      cacheRead: count,
      cacheWrite: fc.constant(0),
      cacheWrite1h: fc.constant(0),
      outputText: count,
      outputReasoning: count,
    }),
    quantities: fc.constantFrom<Record<string, number>>({}, { web_searches: 3 }, { web_searches: 1.5 }),
    metered: fc.boolean(),
    granularity: fc.constantFrom('call', 'wrapper'),
  })
  .map((of) => (no: number) => modelCall(no + 1, { ...of, provider: 'house', requestModel: of.model }))

/** As it is asked of the book: one object for a row. */
function priceOf(book: Readonly<Record<string, UsedPrice>>): PriceOf {
  return ({ model, meter }) => book[`${model} ${meter}`] ?? null
}

test('the costs of any events at any prices come to what their lines come to, to the last digit', () => {
  fc.assert(
    fc.property(anyBook, fc.array(fc.array(anyCall, { maxLength: 4 }), { maxLength: 6 }), (book, events) => {
      const sums = new UsageSums(() => {})
      const wanted = new Map<string, Decimal>()
      for (const makers of events) {
        const calls = makers.map((make, no) => make(no))
        const costs = new SwitchedCosts(sums)
        for (const call of calls) costInto(costs, call, priceOf(book), AT)
        const lines = costCalls(assemblyOf({ calls }), priceOf(book), AT)
        const unpriced = lines.flatMap(({ price, spanIds }) => (price === null ? spanIds : []))
        expect([...costs.close()].sort()).toEqual([...new Set(unpriced)].sort())
        for (const { part, model, tool, amount } of lines) {
          const name = `${part} ${model} ${tool}`
          if (amount) wanted.set(name, (wanted.get(name) ?? ZERO).plus(amount))
        }
      }
      const found = sums.costs.map(({ part, model, tool, amount }) => [
        `${part} ${model} ${tool}`,
        amount.toFixed(),
      ])
      expect(Object.fromEntries(found)).toEqual(
        Object.fromEntries([...wanted].map(([name, amount]) => [name, amount.toFixed()])),
      )
    }),
    { numRuns: 2_000 },
  )
})

test('a price is counted by where nothing of it is ever rounded', () => {
  const price = (of: Partial<UsedPrice>) => isWhole({ ...AS_REPORTED, priceRowId: '1', ...of })
  const dec = (text: string) => new Decimal(text)
  expect(price({ unitPrice: dec('3'), per: dec('1000000') })).toBe(true)
  expect(price({ unitPrice: dec('1'), per: dec('8') })).toBe(true)
  expect(price({ unitPrice: dec('1'), per: dec('7') })).toBe(false)
  expect(price({ unitPrice: dec('0.0000000000001'), per: dec('1000000') })).toBe(false)
  expect(price({ discount: { id: 'd', pct: dec('12.5') } })).toBe(true)
  expect(price({ currency: 'EUR' })).toBe(false)
  expect(price({ currency: 'EUR', fx: { id: 'f', usd: dec('1.1') } })).toBe(false)
})

test('counts at one price more than are kept become amounts, and nothing is lost', () => {
  let sumCount = 0
  const sums = new UsageSums((more) => {
    sumCount += more
  })
  const place = { part: 'prompt', provider: 'house', model: 'a', tool: null } as const
  for (let no = 0; no <= PRICED_COUNTS_MAX; no++) {
    expect(sums.addPriced(place, { ...AS_REPORTED }, 1_000_000)).toBe(true)
  }
  const beyond = { ...AS_REPORTED }
  for (const _ of [1, 2]) sums.addPriced(place, beyond, Number.MAX_SAFE_INTEGER)
  const amount = new Decimal(Number.MAX_SAFE_INTEGER)
    .mul(2)
    .div(1_000_000)
    .plus(PRICED_COUNTS_MAX + 1)
  expect(sums.costs).toEqual([{ ...place, amount }])
  expect(sumCount).toBe(1)
})
