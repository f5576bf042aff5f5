import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { bookRow } from '../../test/support/prices.ts'
import { AS_REPORTED, type CostQuestion } from '../costs/cost.ts'
import { remembered } from './remembered.ts'
import { type BookRow, resolvePrice } from './resolve.ts'
import { NO_TERMS } from './terms.ts'
import { isValid, validityOf } from './validity.ts'

const KEY = { provider: 'p', model: 'm' }
const INSTANT = fc.nat(12)
const NIGHTS = { tz: 'UTC', weekdays: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '08:00' }

const ROW = fc
  .record({
    book: fc.constantFrom('catalogue', 'override'),
    meter: fc.constantFrom('input_uncached', 'output', 'reasoning'),
    contextFrom: fc.constantFrom(0, 0, 3, 6),
    contextInclusive: fc.boolean(),
    schedule: fc.constantFrom(null, null, null, null, null, NIGHTS),
    effectiveFrom: INSTANT,
    effectiveTo: fc.option(INSTANT),
  })
  .map((of) => of as Partial<BookRow>)
const CALL = fc.record({ at: fc.nat(14), inputTokens: fc.nat(8) })

test('an answer is good for every call that its validity holds for', () => {
  let held = 0
  fc.assert(
    fc.property(fc.array(ROW, { maxLength: 6 }), CALL, CALL, (given, one, other) => {
      const rows = given.map((of, no) => bookRow({ priceRowId: String(no), ...of }))
      const validity = validityOf(rows, NO_TERMS, BigInt(one.at) * 1000n, one.inputTokens)
      if (!validity) return
      expect(isValid(validity, BigInt(one.at) * 1000n, one.inputTokens)).toBe(true)
      if (!isValid(validity, BigInt(other.at) * 1000n, other.inputTokens)) return
      held += 1
      for (const meter of ['input_uncached', 'reasoning'] as const)
        expect(resolve(rows, meter, one)).toBe(resolve(rows, meter, other))
    }),
    { numRuns: 3_000 },
  )
  expect(held).toBeGreaterThan(300)
})

test('narrows at discounts and rates, and holds for nothing where models cost by the hour', () => {
  const force = { effectiveFrom: 4, effectiveTo: 9 }
  const rate = { id: '1', usd: new Decimal(1), ...force }
  const discount = { id: '1', provider: '*', model: '*', meter: '*', pct: new Decimal(5), ...force }
  for (const terms of [
    { ...NO_TERMS, rates: new Map([['EUR', [rate]]]) },
    { ...NO_TERMS, discounts: [discount] },
  ]) {
    expect(validityOf([], terms, 5_000n, 1)).toMatchObject({ from: 4_000n, to: 9_000n })
    expect(validityOf([], terms, 9_000n, 1)).toMatchObject({ from: 9_000n })
  }
  const hourly = [{ provider: 'p', model: 'm', ...force }]
  expect(validityOf([], { ...NO_TERMS, hourly }, 20_000n, 1)).toBeNull()
})

test('asks once for what is the same, and again for another name or beyond what an answer is good for', () => {
  const asked: CostQuestion[] = []
  const priceOf = remembered(
    (question) => {
      asked.push(question)
      return { ...AS_REPORTED, priceRowId: String(asked.length) }
    },
    ({ serviceTier }) =>
      serviceTier === 'flex' ? null : { from: 0n, to: 10n, above: Number.NEGATIVE_INFINITY, below: 5 },
  )
  const question: CostQuestion = {
    provider: 'p',
    model: 'm',
    requestModel: null,
    meter: 'output',
    serviceTier: 'standard',
    region: null,
    inputTokens: 1,
    at: 0n,
  }
  const ids = [
    question,
    { ...question, at: 9n, inputTokens: 4 },
    { ...question, at: 10n },
    { ...question, inputTokens: 5 },
    { ...question, meter: 'reasoning' as const },
    { ...question, region: 'us' },
    { ...question, model: null, requestModel: 'm' },
    { ...question, serviceTier: 'flex' },
    { ...question, serviceTier: 'flex' },
    question,
  ].map((each) => priceOf(each)?.priceRowId)
  expect(ids).toEqual(['1', '1', '2', '3', '4', '5', '6', '7', '8', '3'])
})

function resolve(
  rows: readonly BookRow[],
  meter: 'input_uncached' | 'reasoning',
  call: { at: number; inputTokens: number },
): string | null {
  const about = { tenantId: 'default', keys: [KEY], serviceTier: 'standard', region: '' }
  const question = { ...about, meter, ...call, knownAt: Number.POSITIVE_INFINITY }
  return resolvePrice(question, () => rows)?.priceRowId ?? null
}
