import { describe, expect, it } from 'vitest'
import { AGENT, assembled, reasons, silent, TOOL, tokens, withUsage } from '../../test/support/assemblies.ts'
import { chat } from '../../test/support/spans.ts'

describe('what is unknown', () => {
  it('a call without usage is listed and counted, never zero', () => {
    const trace = assembled(silent({ id: 1 }))
    expect(trace.calls).toMatchObject([{ metered: false }])
    expect(reasons(trace, 'unmetered')).toEqual(['no_usage'])
  })

  it('a refused request is neither a call nor missing', () => {
    const trace = assembled(silent({ id: 1, failed: true, attributes: { 'error.type': '429' } }))
    expect([trace.calls, reasons(trace, 'unmetered')]).toEqual([[], []])
  })

  it('a failed call with usage is billed', () => {
    expect(
      tokens(assembled(chat({ id: 1, failed: true, attributes: { 'error.type': '500' } }, 100, 3))),
    ).toEqual([[100, 3]])
  })

  it('a span id used twice keeps the earlier and is told', () => {
    const words = [chat({ id: 1 }, 100, 20), chat({ id: 1, name: 'other', from: 5 }, 7, 7)]
    for (const order of [words, words.toReversed()]) {
      const trace = assembled(...order)
      expect(tokens(trace)).toEqual([[100, 20]])
      expect(reasons(trace, 'conflict')).toEqual(['span_id_reused'])
    }
  })

  it('a span told twice with other usage until the same instant is told, and counted once', () => {
    const words = [chat({ id: 1 }, 100, 20), chat({ id: 1 }, 100, 22)]
    for (const order of [words, words.toReversed()]) {
      const trace = assembled(...order)
      expect(tokens(trace)).toHaveLength(1)
      expect(reasons(trace, 'conflict')).toEqual(['told_differently'])
    }
    const goingOn = [chat({ id: 1, to: 50 }, 100, 20), chat({ id: 1, to: 60 }, 100, 22)]
    expect(tokens(assembled(...goingOn))).toEqual([[100, 22]])
    expect(reasons(assembled(...goingOn), 'conflict')).toEqual([])
  })

  it('of a span told twice the telling with usage counts', () => {
    expect(tokens(assembled(chat({ id: 1 }, 100, 20), silent({ id: 1, name: 'chat gpt-4o' })))).toEqual([
      [100, 20],
    ])
  })

  it('times nobody believes are told, and do not stretch the trace', () => {
    const trace = assembled(chat({ id: 1 }, 1, 1), chat({ id: 2, from: -1e12, to: 1e12 }, 2, 2))
    expect(trace.calls.map(({ badTime }) => badTime)).toEqual([true, false])
    expect(reasons(trace, 'bad_time')).toEqual(['out_of_range'])
    expect(trace.endNano - trace.startNano).toBe(1_000_000_000n)
  })

  it("a server's view is news only where nobody else saw the call", () => {
    const server = chat({ id: 2, parent: 1, kind: 'server' }, 10, 5)
    expect(reasons(assembled({ id: 1 }, server), 'unclassified_usage')).toEqual(['server_side'])
    expect(reasons(assembled(chat({ id: 1 }, 10, 5), server), 'unclassified_usage')).toEqual([])
  })
})

describe('reasoning steps', () => {
  it('are the visible parts, else one if any tokens went into reasoning, and one for a plan', () => {
    const reasoned = { 'gen_ai.usage.reasoning.output_tokens': 5 }
    const trace = assembled(
      { id: 1, attributes: { 'gen_ai.operation.name': 'plan' } },
      chat({ id: 2, to: 100, attributes: { ...reasoned, 'aforo.reasoning_parts': 3 } }, 10, 20),
      chat({ id: 3, from: 200, to: 300, attributes: reasoned }, 11, 20),
      chat({ id: 4, from: 400 }, 12, 20),
    )
    expect(trace.calls.map(({ reasoningSteps }) => reasoningSteps)).toEqual([3, 1, 0])
    expect(trace.reasoningSteps).toBe(5)
  })
})

describe('attribution', () => {
  it('nearest to the root wins, own attributes before fallbacks, then the earlier, then the lower id', () => {
    const trace = assembled(
      { id: 1, attributes: { 'user.id': 'u-root', 'session.id': 's-root' } },
      { id: 3, parent: 1, from: 5, attributes: { 'aforo.customer.id': 'later' } },
      { id: 4, parent: 1, from: 2, attributes: { 'aforo.customer.id': 'acme' } },
      { id: 5, parent: 4, attributes: { 'aforo.customer.id': 'deep', 'gen_ai.agent.name': 'x', ...AGENT } },
      chat({ id: 6, parent: 5 }, 1, 1),
    )
    expect(trace).toMatchObject({ customer: 'acme', session: 's-root', product: 'test-app', agent: 'x' })
  })

  it('a trace nobody is named on is told', () => {
    expect(reasons(assembled(chat({ id: 1 }, 1, 1)), 'unattributed')).toEqual(['no_customer'])
    expect(reasons(assembled({ id: 1 }), 'unattributed')).toEqual([])
  })
})

describe('shape', () => {
  it('a chain of ten thousand calls is one call, and no stack is too small for it', () => {
    const words = Array.from({ length: 10_000 }, (_, at) =>
      chat({ id: at + 1, ...(at === 0 ? {} : { parent: at }) }, 100, 20),
    )
    const trace = assembled(...words)
    expect(trace.calls).toHaveLength(1)
    expect(trace.calls[0]?.spanIds).toHaveLength(10_000)
  })

  it('ten thousand wrappers and calls beside one another stay apart', () => {
    const words = Array.from({ length: 20_000 }, (_, at) =>
      at % 2 === 0
        ? withUsage({ id: at + 1 }, AGENT, 9, 9)
        : chat({ id: at + 1, parent: at, scope: `s${at}`, from: at, to: at + 1 }, 100, 20),
    )
    expect(assembled(...words).calls).toHaveLength(10_000)
  })

  it('spans that are each other’s ancestors are cut apart and told', () => {
    const trace = assembled(
      chat({ id: 1, parent: 3 }, 1, 1),
      { id: 2, parent: 1, attributes: TOOL },
      chat({ id: 3, parent: 2 }, 3, 3),
      chat({ id: 4, parent: 4 }, 4, 4),
    )
    expect(trace.calls).toHaveLength(3)
    expect(reasons(trace, 'conflict')).toEqual(['parent_cycle', 'parent_cycle'])
  })

  it('no spans are nothing', () => {
    expect(assembled()).toMatchObject({ calls: [], tools: [], anomalies: [], customer: null, spanIds: [] })
  })
})
