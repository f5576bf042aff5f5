import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countReasoningParts, countReasoningPartsOfText } from './reasoning-parts.ts'

/** Counted where it lies between bytes that would count if they were read. */
function count(text: string): number {
  const around = Buffer.from('"type":"reasoning"')
  const value = Buffer.from(text)
  return countReasoningParts(
    Buffer.concat([around, value, around]),
    around.length,
    around.length + value.length,
  )
}

describe('countReasoningParts', () => {
  it.each([
    ['', 0],
    ['[{"type":"reasoning"},{"type":"text"},{"type":"thinking"}]', 2],
    ['{"type": "reasoning"}', 1],
    ['{"type":  "reasoning"}', 0],
    ['{"type" :"reasoning"}', 0],
    ['{"content":"she wrote \\"type\\":\\"reasoning\\""}', 0],
    ['{"kind":"reasoning"}', 0],
    ['"type":"type":"reasoning"type":"thinking"', 1],
    ['"type":"reasoning', 0],
    [`{"content":"${':'.repeat(1_000)}","type":"thinking"}`, 1],
    [`{"content":"${'x'.repeat(1_000)}","type":"thinking"}`, 1],
  ])('of %s', (text, parts) => {
    expect([count(text), countReasoningPartsOfText(text)]).toEqual([parts, parts])
  })

  it('counts in bytes what it counts in text', () => {
    const piece = fc.constantFrom(
      '"type"',
      ':',
      ' ',
      '"reasoning"',
      '"thinking"',
      '"',
      'type',
      '{',
      'é',
      'x'.repeat(40),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('')
        expect(count(text)).toBe(countReasoningPartsOfText(text))
      }),
      { numRuns: 1_000 },
    )
  })
})
