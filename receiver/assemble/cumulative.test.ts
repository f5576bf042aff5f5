import { describe, expect, it } from 'vitest'
import { assembled, reasons, tokens } from '../../test/support/assemblies.ts'
import { chat, type SpanWords } from '../../test/support/spans.ts'

const SPRING = { scope: 'org.springframework.boot', version: '3.5.6' } as const
const CLIENT: SpanWords = { ...SPRING, id: 1, to: 9000, attributes: { 'spring.ai.kind': 'chat_client' } }

const call = (nth: number, input: number, output: number, words: Partial<SpanWords> = {}): SpanWords =>
  chat(
    { ...SPRING, id: nth + 10, parent: 1, from: nth * 1000, to: nth * 1000 + 900, ...words },
    input,
    output,
  )

describe('sums from call to call', () => {
  it('are undone within a wrapper, where the version is certain', () => {
    const trace = assembled(CLIENT, call(0, 100, 20), call(1, 260, 50), call(2, 480, 90))
    expect(tokens(trace)).toEqual([
      [100, 20],
      [160, 30],
      [220, 40],
    ])
    expect(reasons(trace, 'usage_ambiguous')).toEqual([])
  })

  it('begin anew with a call that is no longer than the growth before it', () => {
    const trace = assembled(CLIENT, call(0, 100, 20), call(1, 260, 50), call(2, 110, 60), call(3, 300, 90))
    expect(tokens(trace)).toEqual([
      [100, 20],
      [160, 30],
      [110, 60],
      [190, 30],
    ])
  })

  it.each<[string, readonly SpanWords[]]>([
    [
      'another version',
      [CLIENT, call(0, 100, 20, { version: '4.0.0' }), call(1, 260, 50, { version: '4.0.0' })],
    ],
    ['no wrapper of theirs', [{ id: 1, to: 9000 }, call(0, 100, 20), call(1, 260, 50)]],
  ])('are told and left with %s', (_, words) => {
    const trace = assembled(...words)
    expect(tokens(trace)).toEqual([
      [100, 20],
      [260, 50],
    ])
    expect(reasons(trace, 'usage_ambiguous')).toEqual(['maybe_cumulative'])
  })

  it.each<[string, readonly SpanWords[]]>([
    ['at once', [CLIENT, call(0, 100, 20), call(1, 260, 50, { from: 100 })]],
    [
      'of two models',
      [CLIENT, call(0, 100, 20), call(1, 260, 50, { attributes: { 'gen_ai.request.model': 'o3' } })],
    ],
    ['that grow by too little', [CLIENT, call(0, 100, 20), call(1, 190, 50)]],
    ['of other dialects', [CLIENT, call(0, 100, 20, { scope: 'x' }), call(1, 260, 50, { scope: 'x' })]],
  ])('are not seen in calls %s', (_, words) => {
    const trace = assembled(...words)
    expect(
      tokens(trace)
        .flat()
        .reduce((sum, count) => sum + count, 0),
    ).toBeGreaterThan(350)
    expect(reasons(trace, 'usage_ambiguous')).toEqual([])
  })
})
