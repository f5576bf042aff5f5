import { describe, expect, it } from 'vitest'
import { assembled, TOOL } from '../../test/support/assemblies.ts'
import { type Attributes, chat, type SpanWords, spanId } from '../../test/support/spans.ts'

describe('tools', () => {
  const tool = (words: SpanWords, attributes: Attributes = {}): SpanWords => ({
    ...words,
    attributes: { ...TOOL, ...attributes },
  })

  it('a call id is one execution, told by framework, client or server', () => {
    const id = { 'gen_ai.tool.call.id': 'call_1' }
    const trace = assembled(
      tool({ id: 3, kind: 'server' }, id),
      tool({ id: 2, kind: 'client' }, id),
      tool({ id: 1 }, id),
    )
    expect(trace.tools).toMatchObject([{ spanId: spanId(1), callId: 'call_1', name: 'search' }])
  })

  it('the protocol within the framework is the same execution', () => {
    const mcp = { 'mcp.method.name': 'tools/call', 'gen_ai.operation.name': '' }
    const trace = assembled(
      tool({ id: 1 }, { 'gen_ai.tool.call.id': 'call_1' }),
      tool({ id: 2, parent: 1, kind: 'client' }, mcp),
      tool({ id: 3, parent: 2, kind: 'server', resource: { 'service.name': 'mcp' } }, mcp),
    )
    expect(trace.tools).toHaveLength(1)
  })

  it('two executions without ids are two', () => {
    expect(assembled(tool({ id: 1 }), tool({ id: 2 })).tools).toHaveLength(2)
  })

  it('one tool within another is a second', () => {
    expect(
      assembled(tool({ id: 1 }), tool({ id: 2, parent: 1 }, { 'gen_ai.tool.name': 'fetch' })).tools,
    ).toHaveLength(2)
  })

  it("ADK's merged tools are none, but part calls", () => {
    const adk = 'gcp.vertex.agent'
    const trace = assembled(
      chat({ id: 1, scope: adk, name: 'call_llm' }, 10, 1),
      { id: 2, parent: 1, scope: adk, name: 'execute_tool (merged tools)', attributes: TOOL },
      chat({ id: 3, parent: 2, scope: adk, name: 'call_llm' }, 10, 1),
    )
    expect([trace.tools.length, trace.calls.length]).toEqual([0, 2])
  })
})
