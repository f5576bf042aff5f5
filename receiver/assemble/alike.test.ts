import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import { confusingBuckets } from '../../test/support/blind-observers.ts'
import { alikeGroups, pairWords } from './alike.ts'
import { agree, together } from './arithmetic.ts'

describe('tokens of one call', () => {
  it('that agree have a pair in common, and are in one group', () => {
    fc.assert(
      fc.property(fc.array(confusingBuckets, { minLength: 2, maxLength: 8 }), (all) => {
        const { members, ends } = alikeGroups(all)
        const groups = ends.map((end, group) => [...members.subarray(ends[group - 1] ?? 0, end)])
        all.forEach((a, at) => {
          all.slice(at + 1).forEach((b, after) => {
            if (!agree(a, b)) return
            expect(pairWords(a).some((word) => pairWords(b).includes(word))).toBe(true)
            const group = groups.find((indexes) => indexes.includes(at))
            expect(group).toContain(at + 1 + after)
          })
        })
        const grouped = groups.flat()
        expect(new Set(grouped).size).toBe(grouped.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('are together as much as the larger input and the larger output, whoever is asked first', () => {
    fc.assert(
      fc.property(confusingBuckets, confusingBuckets, (a, b) => {
        const both = together(a, b)
        expect(both === null).toBe(!agree(a, b))
        if (both === null) return
        expect(inputTokens(both)).toBe(Math.max(inputTokens(a), inputTokens(b)))
        expect(outputTokens(both)).toBe(Math.max(outputTokens(a), outputTokens(b)))
        const turned = together(b, a)!
        expect([inputTokens(turned), outputTokens(turned)]).toEqual([inputTokens(both), outputTokens(both)])
      }),
      { numRuns: 2000 },
    )
  })

  it('that are nobody else’s are in no group', () => {
    const tokens = {
      inputUncached: 1,
      cacheRead: 0,
      cacheWrite: 0,
      cacheWrite1h: 0,
      outputText: 1,
      outputReasoning: 0,
    }
    const all = Array.from({ length: 5_000 }, (_, at) => ({
      ...tokens,
      inputUncached: at,
      outputText: at % 7,
    }))
    expect(alikeGroups(all).ends).toEqual([])
  })
})
