import { describe, expect, it } from 'vitest'
import { assembled, reasons, silent, TOOL, tokens, withUsage } from '../../test/support/assemblies.ts'
import { type Attributes, chat, type SpanWords } from '../../test/support/spans.ts'
import { SCOPES_MAX } from './beside.ts'
import { DOUBTS_MAX } from './doubts.ts'
import { RUNNING_MAX } from './fetches.ts'

const LONG_ID = 'chatcmpl-Ax9Zk2LmQp7RtYv4'

describe('mirrors', () => {
  const twin = (id: number, words: Partial<SpanWords>, output = 20): SpanWords =>
    chat({ id, scope: `scope-${id}`, ...words }, 100, output)

  it('beside one another merge by scope, time, model and tokens', () => {
    expect(assembled(twin(1, {}), twin(2, { from: 10, to: 990 })).calls).toHaveLength(1)
  })

  it.each<[string, readonly SpanWords[]]>([
    ['other tokens', [twin(1, {}), twin(2, { from: 10, to: 990 }, 21)]],
    ['one scope', [twin(1, { scope: 's' }), twin(2, { scope: 's', from: 10, to: 990 })]],
    ['neither within the other for long', [twin(1, {}), twin(2, { from: 501, to: 1501 })]],
    [
      'another model',
      [twin(1, {}), twin(2, { from: 10, to: 990, attributes: { 'gen_ai.request.model': 'o4-mini' } })],
    ],
    ['another process', [twin(1, {}), twin(2, { from: 10, to: 990, resource: { 'service.name': 'other' } })]],
    [
      'another id',
      [
        twin(1, { attributes: { 'gen_ai.response.id': 'r1' } }),
        twin(2, { from: 10, to: 990, attributes: { 'gen_ai.response.id': 'r2' } }),
      ],
    ],
  ])('stay two with %s', (_, words) => {
    expect(assembled(...words).calls).toHaveLength(2)
  })

  it('two calls seen by two scopes are two', () => {
    const trace = assembled(
      twin(1, { scope: 'a' }),
      twin(2, { scope: 'a' }),
      twin(3, { scope: 'b', from: 10, to: 990 }),
      twin(4, { scope: 'b', from: 10, to: 990 }),
    )
    expect(trace.calls).toHaveLength(2)
  })

  it('told late on each end, by threads of a busy machine, is one call', () => {
    expect(assembled(twin(1, { to: 26 }), twin(2, { from: 17, to: 54 })).calls).toHaveLength(1)
    expect(assembled(twin(1, { to: 200 }), twin(2, { from: 150, to: 400 })).calls).toHaveLength(2)
  })

  it('told late on both ends, by callbacks in a queue, is one call', () => {
    expect(assembled(twin(1, {}), twin(2, { from: 300, to: 1200 })).calls).toHaveLength(1)
  })

  it('two calls at once are two, though the first pair that fits would leave one alone', () => {
    const trace = assembled(
      twin(1, { scope: 'a', from: 0, to: 2000 }),
      twin(2, { scope: 'a', from: 10, to: 1000 }),
      twin(3, { scope: 'b', from: 20, to: 990 }),
      twin(4, { scope: 'b', from: 25, to: 1990 }),
    )
    expect(trace.calls).toHaveLength(2)
  })

  it(`scopes beyond ${SCOPES_MAX} are not compared`, () => {
    const told = (count: number) =>
      assembled(...Array.from({ length: count }, (_, i) => twin(i + 1, {}))).calls.length
    expect(told(SCOPES_MAX)).toBe(1)
    expect(told(SCOPES_MAX + 1)).toBe(2)
  })

  const CACHED: Attributes = { 'gen_ai.usage.cache_read.input_tokens': 900 }
  const THOUGHT: Attributes = { 'gen_ai.usage.reasoning.output_tokens': 30 }

  it('beside one another merge where one cannot see cached tokens, or reasoning, and none is told as doubtful', () => {
    const cached = chat({ id: 1, scope: 'a', attributes: CACHED }, 1000, 20)
    const thought = chat({ id: 2, scope: 'b', from: 1, to: 999, attributes: THOUGHT }, 100, 50)
    const blind = chat({ id: 3, scope: 'c', from: 2, to: 998 }, 100, 20)
    for (const [words, expected] of [
      [
        [cached, blind],
        [1000, 20],
      ],
      [
        [thought, blind],
        [100, 50],
      ],
      [
        [cached, thought],
        [1000, 50],
      ],
      [
        [cached, thought, blind],
        [1000, 50],
      ],
    ] as const) {
      const trace = assembled(...words)
      expect(tokens(trace)).toEqual([expected])
      expect(reasons(trace, 'usage_ambiguous')).toEqual([])
    }
  })

  it('are told as doubtful where the scope that tells less tells such tokens elsewhere', () => {
    const trace = assembled(
      chat({ id: 1, scope: 'a', attributes: CACHED }, 1000, 20),
      chat({ id: 2, scope: 'b', from: 10, to: 990 }, 100, 20),
      chat({ id: 3, scope: 'b', from: 5000, to: 6000, attributes: CACHED }, 1300, 7),
    )
    expect(tokens(trace)).toEqual([
      [1000, 20],
      [1300, 7],
    ])
    expect(reasons(trace, 'usage_ambiguous')).toEqual(['maybe_mirror'])
  })

  it.each<[string, SpanWords]>([
    ['just the output agrees', twin(2, { from: 10, to: 990 }, 20)],
    ['just the input agrees', chat({ id: 2, scope: 'b', from: 10, to: 990 }, 101, 19)],
  ])('stay two and are told as doubtful where %s', (_, words) => {
    const trace = assembled(chat({ id: 1, scope: 'a' }, 101, 20), words)
    expect(trace.calls).toHaveLength(2)
    expect(reasons(trace, 'usage_ambiguous')).toEqual(['maybe_mirror'])
  })

  it.each([
    [DOUBTS_MAX, 1],
    [DOUBTS_MAX + 1, 0],
  ])('are told as doubtful with any of %i earlier ones', (earlier, told) => {
    const outer = chat({ id: 1, scope: 'a', to: 5000 }, 101, 20)
    const between = Array.from({ length: earlier - 1 }, (_, i) =>
      chat({ id: 2 + i, scope: 'b', from: 1 + i, to: 5001 + i }, 7, 8),
    )
    const inner = twin(100, { from: 100, to: 900, scope: 'b' }, 20)
    expect(reasons(assembled(outer, ...between, inner), 'usage_ambiguous')).toHaveLength(told)
  })

  it('one call beside two equal ones is one of them', () => {
    const inner = { scope: 'b' }
    expect(assembled(twin(1, { scope: 'a' }), twin(2, inner), twin(3, inner)).calls).toHaveLength(2)
  })

  it('calls above one another are no mirrors, however alike', () => {
    const trace = assembled(
      twin(1, {}),
      { id: 2, parent: 1, attributes: TOOL },
      twin(3, { parent: 2, from: 10, to: 990 }),
    )
    expect(trace.calls).toHaveLength(2)
  })

  it('an id no two calls share merges across services', () => {
    const id: Attributes = { 'gen_ai.response.id': LONG_ID }
    const gateway = { from: 200, to: 1200, resource: { 'service.name': 'gateway' }, attributes: id }
    expect(assembled(twin(1, { attributes: id }), twin(2, gateway)).calls).toHaveLength(1)
    expect(assembled(twin(1, { attributes: id }), twin(2, gateway, 21)).calls).toHaveLength(2)
  })

  it('a weak id does not', () => {
    const id: Attributes = { 'gen_ai.response.id': 'chatcmpl-123' }
    const other = { from: 200, to: 1200, resource: { 'service.name': 'other' }, attributes: id }
    expect(assembled(twin(1, { attributes: id }), twin(2, other)).calls).toHaveLength(2)
  })

  it("a run's usage covers its silent calls", () => {
    const run: Attributes = { 'gen_ai.response.id': 'run_abcdefghijklmnop' }
    const trace = assembled(
      chat({ id: 1, attributes: run, to: 100 }, 100, 20),
      silent({ id: 2, from: 200, attributes: run }),
    )
    expect(tokens(trace)).toEqual([[100, 20]])
    expect(reasons(trace, 'unmetered')).toEqual([])
  })
})

describe('fetches', () => {
  const fetch = (id: number, input: number, to: number): SpanWords =>
    withUsage(
      { id, to },
      { 'gen_ai.operation.name': 'fetch_response', 'gen_ai.response.id': 'resp_background_1' },
      input,
      5,
    )
  const background: Attributes = { 'gen_ai.response.id': 'resp_background_1' }

  it('repeated polls count once, as the last', () => {
    expect(tokens(assembled(fetch(1, 50, 10), fetch(2, 60, 20)))).toEqual([[60, 5]])
  })
  it('give a silent call its usage, and a metered one nothing', () => {
    expect(tokens(assembled(silent({ id: 1, attributes: background }), fetch(2, 60, 20)))).toEqual([[60, 5]])
    expect(tokens(assembled(chat({ id: 1, attributes: background }, 61, 5), fetch(2, 60, 20)))).toEqual([
      [61, 5],
    ])
  })
  it.each([
    [RUNNING_MAX, 0],
    [RUNNING_MAX + 1, 1],
  ])('look past %i calls that still run for the silent one that ended', (running, polls) => {
    const ended = silent({ id: 1, from: 0, to: 50 })
    const still = Array.from({ length: running }, (_, i) => silent({ id: i + 2, from: 60 + i, to: 9_000 }))
    const asked = { 'gen_ai.operation.name': 'fetch_response', 'gen_ai.request.model': 'gpt-4o' }
    const poll = withUsage({ id: 1_000, from: 1_000, to: 1_010 }, asked, 50, 5)
    const { calls } = assembled(ended, ...still, poll)
    expect(calls).toHaveLength(1 + running + polls)
    expect(calls.find(({ metered }) => metered)?.spanIds).toHaveLength(2 - polls)
  })
})
