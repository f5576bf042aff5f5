import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assembly } from '../../core/assembly.ts'
import type { TokenBuckets } from '../../core/usage.ts'
import { bucketKey, callsOf, deeds, PLAIN, sumOf, tell } from '../../test/support/agent-traces.ts'
import { blindness, confusingBuckets, SEES_ALL, seenThrough } from '../../test/support/blind-observers.ts'
import { SPAN_TEST_START, type SpanWords, usage } from '../../test/support/spans.ts'
import { SPELLINGS } from '../../test/support/spellings.ts'
import { assemble } from './assemble.ts'

/*
 * Two instrumentations beside one another tell of the same calls, and one of them, or each in its own way, does not see
 * some of the tokens. A failure prints its seed and the smallest trace that fails.
 */
const OPEN_TELEMETRY = SPELLINGS[0]!

const assembled = (words: readonly SpanWords[]): Assembly =>
  assemble(words.map(usage), { now: SPAN_TEST_START })
const found = ({ calls }: Assembly): readonly string[] =>
  calls.map(({ buckets }) => bucketKey(buckets)).sort()
const keysOfAll = (all: readonly TokenBuckets[]): readonly string[] => all.map(bucketKey).sort()

describe('a second instrumentation that does not see all', () => {
  it('changes nothing, whatever the agent did', () => {
    fc.assert(
      fc.property(deeds, blindness, fc.boolean(), (done, blind, isAfter) => {
        const truth = callsOf(done)
        const words = tell(done, PLAIN)
        const requests = words.filter((each) => each.attributes?.['gen_ai.operation.name'] === 'chat')
        const twins = requests.map((each, nth) => ({
          ...each,
          ...OPEN_TELEMETRY.write(seenThrough(truth[nth]!, blind)),
          id: 1_000_000 + nth,
          scope: isAfter ? 'z' : 'a',
        }))
        expect(found(assembled([...words, ...twins]))).toEqual(keysOfAll(truth))
      }),
      { numRuns: 1000 },
    )
  })

  const fans = fc.array(
    fc.record({ buckets: confusingBuckets, from: fc.constantFrom(0, 1, 3, 40), late: fc.nat({ max: 20 }) }),
    { minLength: 1, maxLength: 7 },
  )
  type Fan = readonly { readonly buckets: TokenBuckets; readonly from: number; readonly late: number }[]

  const fanTold = (fan: Fan, scope: string, blind = SEES_ALL): readonly SpanWords[] =>
    fan.map(({ buckets, from, late }, nth) => ({
      ...OPEN_TELEMETRY.write(seenThrough(buckets, blind)),
      id: scope.charCodeAt(0) * 100 + nth,
      scope,
      from: from + (scope === 'a' ? 0 : late),
      to: from + 800 + (scope === 'a' ? 0 : late),
    }))

  it('adds no call to a fan of calls that are alike, and takes none away', () => {
    fc.assert(
      fc.property(fans, blindness, fc.constantFrom('a', 'b'), (fan, blind, all) => {
        const other = all === 'a' ? 'b' : 'a'
        const trace = assembled([...fanTold(fan, all), ...fanTold(fan, other, blind)])
        expect(found(trace)).toEqual(keysOfAll(fan.map(({ buckets }) => buckets)))
      }),
      { numRuns: 3000 },
    )
  })

  it('adds no call to such a fan with a third that does not see all either', () => {
    const order = fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 3 })
    fc.assert(
      fc.property(fans, blindness, blindness, order, (fan, blind, other, [all, second, third]) => {
        const trace = assembled([
          ...fanTold(fan, all!),
          ...fanTold(fan, second!, blind),
          ...fanTold(fan, third!, other),
        ])
        expect(found(trace)).toEqual(keysOfAll(fan.map(({ buckets }) => buckets)))
      }),
      { numRuns: 2000 },
    )
  })

  it('tells with the first, where each misses another sort, all that was used', () => {
    fc.assert(
      fc.property(fans, (fan) => {
        const cached = { read: true, written: true, reasoning: false }
        const reasoning = { read: false, written: false, reasoning: true }
        const { calls } = assembled([...fanTold(fan, 'a', cached), ...fanTold(fan, 'b', reasoning)])
        expect(calls).toHaveLength(fan.length)
        expect(sumOf(calls.map(({ buckets }) => buckets))).toEqual(sumOf(fan.map(({ buckets }) => buckets)))
      }),
      { numRuns: 2000 },
    )
  })

  it('leaves two what differs by other than tokens it may not see', () => {
    fc.assert(
      fc.property(confusingBuckets, blindness, fc.constantFrom(1, 7), (buckets, blind, more) => {
        const seen = seenThrough(buckets, blind)
        const other = { ...seen, outputText: seen.outputText + more }
        const trace = assembled([
          ...fanTold([{ buckets, from: 0, late: 0 }], 'a'),
          ...fanTold([{ buckets: other, from: 0, late: 0 }], 'b'),
        ])
        expect(found(trace)).toEqual(keysOfAll([buckets, other]))
      }),
      { numRuns: 500 },
    )
  })
})
