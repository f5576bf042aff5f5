import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { TokenBuckets } from '../../core/usage.ts'
import { type CountingRules, type RawUsage, toBuckets } from './buckets.ts'

const NONE: RawUsage = {
  input: null,
  output: null,
  total: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite5m: null,
  cacheWrite1h: null,
  reasoning: null,
  inputUncached: null,
  outputText: null,
  toolUseInput: null,
  moreInput: null,
  moreOutput: null,
}
const UNKNOWN: CountingRules = { cachedInput: null, reasoning: null, google: false, provenExcluded: false }
const GOOGLE: CountingRules = { ...UNKNOWN, google: true }

test('what further passes used is added to what is told, and changes nothing else', () => {
  const of = (more: Partial<RawUsage>) =>
    toBuckets({ ...NONE, input: 2007, output: 23, cacheRead: 1152, ...more }, UNKNOWN).buckets
  const without = of({})
  expect(of({ moreInput: 500, moreOutput: 7 })).toEqual({
    ...without,
    inputUncached: without.inputUncached + 500,
    outputText: without.outputText + 7,
  })
})

describe('input', () => {
  it('contains cached tokens by default, which is told as an assumption', () => {
    const { buckets, inputConvention } = toBuckets(
      { ...NONE, input: 2007, output: 23, cacheRead: 1152 },
      UNKNOWN,
    )
    expect(buckets).toMatchObject({ inputUncached: 855, cacheRead: 1152 })
    expect(inputConvention).toBe('assumed')
  })

  it('cannot contain more cached tokens than it has', () => {
    const raw = { ...NONE, input: 599, output: 23, cacheRead: 1152, cacheWrite: 256, total: 622 }
    const { buckets, inputConvention } = toBuckets(raw, { ...UNKNOWN, cachedInput: 'included' })
    expect(buckets).toMatchObject({ inputUncached: 599, cacheRead: 1152, cacheWrite: 256 })
    expect(inputConvention).toBe('certain')
  })

  it('is apart from cached tokens where the total adds them', () => {
    const raw = { ...NONE, input: 500, output: 20, cacheRead: 100, total: 620 }
    expect(toBuckets(raw, UNKNOWN)).toMatchObject({
      buckets: { inputUncached: 500 },
      inputConvention: 'certain',
    })
  })

  it('is not proven to contain them by a total that leaves them out', () => {
    const raw = { ...NONE, input: 500, output: 20, cacheRead: 100, total: 520 }
    const rules: CountingRules = { ...UNKNOWN, cachedInput: 'excluded' }
    expect(toBuckets(raw, rules)).toMatchObject({ buckets: { inputUncached: 500 }, inputConvention: 'table' })
  })

  it('splits cache writes by lifetime', () => {
    const split = (raw: Partial<RawUsage>): unknown => {
      const { cacheWrite, cacheWrite1h } = toBuckets({ ...NONE, input: 900, ...raw }, UNKNOWN).buckets
      return [cacheWrite, cacheWrite1h]
    }
    expect(split({ cacheWrite: 256 })).toEqual([256, 0])
    expect(split({ cacheWrite: 256, cacheWrite1h: 56 })).toEqual([200, 56])
    expect(split({ cacheWrite5m: 200, cacheWrite1h: 56 })).toEqual([200, 56])
    expect(split({ cacheWrite: 50, cacheWrite1h: 56 })).toEqual([0, 50])
  })
})

describe('output', () => {
  it('contains reasoning by default', () => {
    const { buckets } = toBuckets({ ...NONE, input: 107, output: 503, reasoning: 384 }, UNKNOWN)
    expect(buckets).toMatchObject({ outputText: 119, outputReasoning: 384 })
  })

  it('cannot contain more reasoning than it has', () => {
    const { buckets } = toBuckets({ ...NONE, input: 107, output: 119, reasoning: 384 }, UNKNOWN)
    expect(buckets).toMatchObject({ outputText: 119, outputReasoning: 384 })
  })

  it("has Google's thoughts beside it, seen in the total alone", () => {
    const raw = { ...NONE, input: 107, output: 119, total: 610 }
    expect(toBuckets(raw, GOOGLE).buckets).toMatchObject({ outputText: 119, outputReasoning: 384 })
  })

  it('does not bill a gap in the total of anyone else, and tells it', () => {
    const raw = { ...NONE, input: 107, output: 119, total: 610 }
    const { buckets, doubts } = toBuckets(raw, UNKNOWN)
    expect(buckets).toMatchObject({ inputUncached: 107, outputText: 119, outputReasoning: 0 })
    expect(doubts).toEqual(['hidden_tokens_unknown'])
  })

  it('has reasoning beside it where the total says so to the token', () => {
    const raw = { ...NONE, input: 100, output: 200, reasoning: 50, total: 350 }
    expect(toBuckets(raw, UNKNOWN).buckets).toMatchObject({ outputText: 200, outputReasoning: 50 })
  })

  it('is what the total leaves where it is not stated', () => {
    expect(toBuckets({ ...NONE, input: 100, total: 130 }, UNKNOWN).buckets).toMatchObject({ outputText: 30 })
  })
})

/** A truth, and the ways to write it down that its reader can tell apart. */
const tokens = fc.nat({ max: 1_000_000 })
const truth = fc.record({
  inputUncached: tokens,
  cacheRead: tokens,
  cacheWrite: tokens,
  cacheWrite1h: tokens,
  outputText: tokens,
  outputReasoning: tokens,
}) satisfies fc.Arbitrary<TokenBuckets>

describe('any spelling', () => {
  const cached = (b: TokenBuckets): number => b.cacheRead + b.cacheWrite + b.cacheWrite1h
  const stated = (b: TokenBuckets): RawUsage => ({
    ...NONE,
    cacheRead: b.cacheRead,
    cacheWrite: b.cacheWrite + b.cacheWrite1h,
    cacheWrite1h: b.cacheWrite1h,
    reasoning: b.outputReasoning,
  })
  const spellings: readonly [string, (b: TokenBuckets) => [RawUsage, CountingRules]][] = [
    [
      'cached in the input, reasoning in the output',
      (b) => [
        { ...stated(b), input: b.inputUncached + cached(b), output: b.outputText + b.outputReasoning },
        { ...UNKNOWN, cachedInput: 'included', reasoning: 'included' },
      ],
    ],
    [
      'cached apart',
      (b) => [
        { ...stated(b), input: b.inputUncached, output: b.outputText + b.outputReasoning },
        { ...UNKNOWN, cachedInput: 'excluded', reasoning: 'included' },
      ],
    ],
    [
      'disjoint',
      (b) => [{ ...stated(b), inputUncached: b.inputUncached, outputText: b.outputText }, UNKNOWN],
    ],
    [
      "Google's, thoughts in the total only",
      (b) => [
        {
          ...stated(b),
          reasoning: null,
          input: b.inputUncached + cached(b),
          output: b.outputText,
          total: b.inputUncached + cached(b) + b.outputText + b.outputReasoning,
        },
        { ...GOOGLE, cachedInput: 'included' },
      ],
    ],
  ]

  it.each(spellings)('gives the same buckets: %s', (name, write) => {
    fc.assert(
      fc.property(truth, (buckets) => {
        const [raw, rules] = write(buckets)
        // Thoughts that equal the cached tokens are the one gap that reads both ways.
        fc.pre(
          !name.startsWith('Google') || buckets.outputReasoning !== cached(buckets) || cached(buckets) === 0,
        )
        expect(toBuckets(raw, rules).buckets).toEqual(buckets)
      }),
    )
  })

  it('never gives a negative bucket, whatever is stated', () => {
    const count = fc.option(tokens, { nil: null })
    const anything = fc.record({
      input: count,
      output: count,
      total: count,
      cacheRead: count,
      cacheWrite: count,
      cacheWrite5m: count,
      cacheWrite1h: count,
      reasoning: count,
      inputUncached: count,
      outputText: count,
      toolUseInput: count,
      moreInput: count,
      moreOutput: count,
    })
    const rules = fc.record({
      cachedInput: fc.constantFrom('included', 'excluded', null),
      reasoning: fc.constantFrom('included', 'apart', null),
      google: fc.boolean(),
      provenExcluded: fc.boolean(),
    })
    fc.assert(
      fc.property(anything, rules, (raw, known) => {
        for (const bucket of Object.values(toBuckets(raw, known).buckets))
          expect(bucket).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})
