import { describe, expect, it } from 'vitest'
import { AGENT, assembled, reasons, silent, TOOL, tokens } from '../../test/support/assemblies.ts'
import { type Attributes, chat, spanId } from '../../test/support/spans.ts'

const LONG_ID = 'chatcmpl-Ax9Zk2LmQp7RtYv4'

describe('layers', () => {
  it('a call within a call is one call, told by the inner', () => {
    const trace = assembled(
      chat({ id: 1, scope: 'a' }, 100, 20),
      chat({ id: 2, parent: 1, scope: 'b', from: 10, to: 900 }, 100, 20),
    )
    expect(tokens(trace)).toEqual([[100, 20]])
    expect(trace.calls[0]).toMatchObject({ spanId: spanId(2), spanIds: [spanId(2), spanId(1)] })
  })

  it('the outer lends what the inner does not tell', () => {
    const outer = chat(
      { id: 1, attributes: { 'gen_ai.usage.cache_read.input_tokens': 60, 'aforo.service_tier': 'flex' } },
      100,
      20,
    )
    const trace = assembled(outer, chat({ id: 2, parent: 1 }, 100, 20))
    expect(trace.calls[0]).toMatchObject({
      serviceTier: 'flex',
      buckets: { inputUncached: 40, cacheRead: 60 },
    })
    expect(reasons(trace, 'usage_ambiguous')).toEqual([])
  })

  it('cached tokens an inner client cannot see are taken from the outer', () => {
    const bedrock = {
      'gen_ai.request.model': 'anthropic.claude-sonnet-4-5',
      'gen_ai.system': 'strands-agents',
    }
    const trace = assembled(
      chat(
        {
          id: 1,
          scope: 'strands.telemetry.tracer',
          attributes: { ...bedrock, 'gen_ai.usage.cache_read_input_tokens': 1152 },
        },
        599,
        23,
      ),
      chat({ id: 2, parent: 1, scope: 'opentelemetry.instrumentation.botocore.bedrock-runtime' }, 599, 23),
    )
    expect(tokens(trace)).toEqual([[1751, 23]])
  })

  it('a disagreement keeps the inner and is told', () => {
    const trace = assembled(chat({ id: 1 }, 100, 20), chat({ id: 2, parent: 1 }, 90, 20))
    expect(tokens(trace)).toEqual([[90, 20]])
    expect(reasons(trace, 'usage_ambiguous')).toEqual(['layer_disagree'])
  })

  it('several requests beneath one call each count, and the call does not', () => {
    const trace = assembled(
      chat({ id: 1 }, 300, 30),
      chat({ id: 2, parent: 1, from: 0, to: 400 }, 100, 10),
      chat({ id: 3, parent: 1, from: 500, to: 900 }, 200, 20),
    )
    expect(tokens(trace)).toEqual([
      [100, 10],
      [200, 20],
    ])
  })

  it('what several requests leave of the sum above them is the silent one’s', () => {
    const trace = assembled(
      chat({ id: 1 }, 300, 30),
      chat({ id: 2, parent: 1, from: 0, to: 400 }, 100, 10),
      silent({ id: 3, parent: 1, from: 500, to: 900 }),
    )
    expect(tokens(trace)).toEqual([
      [100, 10],
      [200, 20],
    ])
    expect(reasons(trace, 'usage_ambiguous', 'unmetered')).toEqual(['reconstructed'])
  })

  it('a tool or an agent between two calls makes them two', () => {
    for (const between of [TOOL, AGENT]) {
      const trace = assembled(
        chat({ id: 1 }, 100, 20),
        { id: 2, parent: 1, attributes: between },
        chat({ id: 3, parent: 2 }, 100, 20),
      )
      expect(trace.calls).toHaveLength(2)
    }
  })

  it('a call that begins after its parent ended only inherited a context', () => {
    const trace = assembled(
      chat({ id: 1, to: 400 }, 100, 20),
      chat({ id: 2, parent: 1, from: 500, to: 900 }, 100, 20),
    )
    expect(trace.calls).toHaveLength(2)
  })

  it('two strong ids with other tokens are two calls', () => {
    const id = (value: string): Attributes => ({ 'gen_ai.response.id': value })
    const trace = assembled(
      chat({ id: 1, attributes: id(LONG_ID) }, 100, 20),
      chat({ id: 2, parent: 1, attributes: id(`${LONG_ID}x`) }, 70, 20),
    )
    expect(trace.calls).toHaveLength(2)
    expect(reasons(trace, 'usage_ambiguous')).toEqual(['nested_distinct'])
  })

  it("an embedding's outer span without usage is the same request", () => {
    const embed: Attributes = { 'gen_ai.operation.name': 'embeddings', 'gen_ai.request.model': 'e' }
    const trace = assembled(
      { id: 1, attributes: embed },
      { id: 2, parent: 1, attributes: { ...embed, 'gen_ai.usage.input_tokens': 7 } },
    )
    expect(trace.calls).toMatchObject([{ kind: 'embedding', metered: true }])
  })

  it.each<[string, Attributes, number]>([
    ['not how', {}, 0],
    ['that it was cut off', { 'error.type': 'timeout' }, 1],
    ['the id of its answer', { 'gen_ai.response.id': LONG_ID }, 1],
  ])('a request that failed beneath a refusal, of which is told %s', (_, attributes, calls) => {
    const refused = silent({ id: 1, failed: true, attributes: { 'error.type': '404' } })
    const trace = assembled(refused, silent({ id: 2, parent: 1, failed: true, attributes }))
    expect(trace.calls).toHaveLength(calls)
  })

  it('of two that failed beneath a refusal neither is taken for what was refused', () => {
    const refused = silent({ id: 1, failed: true, attributes: { 'error.type': '404' } })
    const within = { parent: 1, failed: true }
    const trace = assembled(
      refused,
      silent({ id: 2, ...within, to: 400 }),
      silent({ id: 3, ...within, from: 500, to: 900 }),
    )
    expect(trace.calls).toHaveLength(2)
  })
})
