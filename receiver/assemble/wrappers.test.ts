import { describe, expect, it } from 'vitest'
import type { Assembly } from '../../core/assembly.ts'
import { inputTokens } from '../../core/usage.ts'
import { AGENT, assembled, reasons, silent, tokens, withUsage } from '../../test/support/assemblies.ts'
import { chat, type SpanWords, spanId } from '../../test/support/spans.ts'

describe('wrappers', () => {
  it('are never added to their calls', () => {
    const trace = assembled(withUsage({ id: 1 }, AGENT, 500, 50), chat({ id: 2, parent: 1 }, 100, 20))
    expect(tokens(trace)).toEqual([[100, 20]])
  })

  it('an agent that nothing else tells of is billed once, by the outermost total', () => {
    const trace = assembled(
      withUsage({ id: 1 }, AGENT, 100, 20),
      withUsage({ id: 2, parent: 1 }, AGENT, 100, 20),
      silent({ id: 3, parent: 2 }),
    )
    expect(trace.calls).toMatchObject([{ granularity: 'wrapper', spanId: spanId(1) }])
    expect(reasons(trace, 'unmetered')).toEqual([])
  })

  it('two agents that add up to the one around them are the two', () => {
    const trace = assembled(
      withUsage({ id: 1 }, AGENT, 300, 30),
      withUsage({ id: 2, parent: 1 }, AGENT, 100, 10),
      withUsage({ id: 3, parent: 1 }, AGENT, 200, 20),
    )
    expect(tokens(trace)).toEqual([
      [100, 10],
      [200, 20],
    ])
  })

  it('a remote agent beside metered calls is billed', () => {
    const trace = assembled(
      withUsage({ id: 1 }, AGENT, 400, 40),
      chat({ id: 2, parent: 1 }, 100, 10),
      withUsage({ id: 3, parent: 1, kind: 'client' }, AGENT, 300, 30),
    )
    expect(tokens(trace)).toEqual([
      [100, 10],
      [300, 30],
    ])
  })

  it('a chain with usage and no call beneath is not billed, and told', () => {
    const trace = assembled(withUsage({ id: 1 }, { 'gen_ai.operation.name': 'invoke_workflow' }, 100, 10))
    expect(trace.calls).toEqual([])
    expect(reasons(trace, 'unclassified_usage')).toEqual(['wrapper_without_calls'])
  })

  it('a lifetime is never subtracted from and bills its growth alone', () => {
    const strands = (id: number, from: number, input: number): SpanWords =>
      withUsage(
        { id, scope: 'strands.telemetry.tracer', from, to: from + 10 },
        { ...AGENT, 'gen_ai.agent.name': 'a' },
        input,
        10,
      )
    const trace = assembled(
      strands(1, 0, 100),
      strands(2, 20, 250),
      silent({ id: 3, parent: 2, scope: 'strands.telemetry.tracer' }),
    )
    expect(trace.calls.filter(({ metered }) => metered).map(({ buckets }) => inputTokens(buckets))).toEqual([
      150,
    ])
    expect(reasons(trace, 'unmetered')).toContain('lifetime_unknown')
  })

  it('a call to a remote agent that tells the sum of its calls is a wrapper', () => {
    const remote = (input: number): Assembly =>
      assembled(
        chat({ id: 1 }, input, 30),
        { id: 2, parent: 1, kind: 'server' },
        { id: 3, parent: 2, attributes: AGENT },
        chat({ id: 4, parent: 3, to: 300 }, 100, 10),
        chat({ id: 5, parent: 3, from: 400, to: 900 }, 200, 20),
      )
    expect(tokens(remote(300))).toEqual([
      [100, 10],
      [200, 20],
    ])
    expect(remote(299).calls).toHaveLength(3)
    expect(reasons(remote(299), 'usage_ambiguous')).toEqual(['ambiguous_remote_agent'])
  })
})
