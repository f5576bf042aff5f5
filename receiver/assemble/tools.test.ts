import fc from 'fast-check'
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

  /** OpenLLMetry's handler names the tool's class, which is no name. */
  const UNNAMED = {
    scope: '@traceloop/instrumentation-langchain',
    name: 'execute_tool DynamicStructuredTool',
  }

  /** Times in milliseconds at which two callbacks of one handler after the other tell an execution. */
  const execution = fc.record({
    begins: fc.integer({ min: 0, max: 2_000 }),
    lasts: fc.integer({ min: 5, max: 3_000 }),
    late: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 60 })),
  })

  it('of two LangChain.js handlers, one of which knows no names, each execution is one', () => {
    fc.assert(
      fc.property(
        fc.array(execution, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (executions, isParallel) => {
          let free = 0
          const told = executions.flatMap(({ begins, lasts, late: [lateBegin, lateEnd] }, i) => {
            const from = isParallel ? begins : free
            const to = from + lasts
            free = to + lateEnd + 5
            return [
              tool({ ...UNNAMED, id: 2 * i + 1, from, to }, { 'gen_ai.tool.name': '' }),
              tool(
                {
                  id: 2 * i + 2,
                  scope: '@arizeai/openinference-instrumentation-langchain',
                  from: from + lateBegin,
                  to: to + lateEnd,
                },
                { 'gen_ai.tool.name': '', 'openinference.span.kind': 'TOOL', 'tool.name': `tool-${i % 2}` },
              ),
            ]
          })
          const names = (tools: readonly { readonly name: string }[]) => tools.map(({ name }) => name).sort()
          const found = names(assembled(...told).tools)
          expect(found).toHaveLength(executions.length)
          expect(names(assembled(...told.toReversed(), ...told).tools)).toEqual(found)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('executions of one handler that run at once stay as many as it tells', () => {
    const told = [1, 2, 3].map((id) => tool({ ...UNNAMED, id, from: 0, to: 100 }, { 'gen_ai.tool.name': '' }))
    const other = tool({ id: 4, scope: 'two', from: 1, to: 101 })
    expect(assembled(...told, other).tools).toHaveLength(3)
  })

  it('one without a name does not make one of two that have names', () => {
    const unnamed = tool({ ...UNNAMED, id: 1, from: 0, to: 100 }, { 'gen_ai.tool.name': '' })
    const told = [
      unnamed,
      tool({ id: 2, scope: 'two', from: 1, to: 101 }),
      tool({ id: 3, scope: 'three', from: 2, to: 102 }, { 'gen_ai.tool.name': 'fetch' }),
    ]
    expect(assembled(...told).tools.map(({ name }) => name)).toEqual(['search', 'fetch'])
  })

  it('two of other names within one without a name are two', () => {
    const told = [
      tool({ ...UNNAMED, id: 1, from: 0, to: 300 }, { 'gen_ai.tool.name': '' }),
      tool({ id: 2, parent: 1, scope: 'two', from: 10, to: 100 }),
      tool({ id: 3, parent: 1, scope: 'two', from: 110, to: 200 }, { 'gen_ai.tool.name': 'fetch' }),
    ]
    expect(assembled(...told).tools.map(({ name }) => name)).toEqual(['search', 'fetch'])
  })

  it('one without a name is not what began and ended at other times', () => {
    const unnamed = tool({ ...UNNAMED, id: 1, from: 0, to: 1_000 }, { 'gen_ai.tool.name': '' })
    const named = tool({ id: 2, scope: 'two', from: 900, to: 5_000 })
    expect(assembled(unnamed, named).tools).toHaveLength(2)
  })
})
