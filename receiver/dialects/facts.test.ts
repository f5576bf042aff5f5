import { describe, expect, it } from 'vitest'
import { type Attributes, usage } from '../../test/support/spans.ts'
import { usageInsideKey } from '../decode/keys.ts'

const generation = (attributes: Attributes) =>
  usage({
    id: 1,
    scope: 'langfuse-sdk',
    attributes: { 'langfuse.observation.type': 'generation', ...attributes },
  })

describe('reported cost', () => {
  const key = 'langfuse.observation.cost_details'

  it('is read out of JSON, to the digit', () => {
    const row = generation({ [key]: '{"input":1e-7,"total":0.0000123}' })
    expect(row).toMatchObject({ reportedCost: '0.0000123', reportedCostKey: key })
  })

  it.each(['{"input":1}', '{"total":-1}', '{"total":null}', '{"total":[1]}', 'free', '[]'])(
    'is none in %s',
    (text) =>
      expect(generation({ [key]: text })).toMatchObject({ reportedCost: null, reportedCostKey: null }),
  )

  it('is taken under one name, never added up', () => {
    const row = usage({
      id: 1,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.usage.cost': 0.5,
        'gen_ai.usage.total_cost': 0.5,
      },
    })
    expect(row).toMatchObject({ reportedCost: '0.5', reportedCostKey: 'gen_ai.usage.cost' })
  })

  it.each([
    ['openlit', null],
    ['openlit.instrumentation.langchain', null],
    ['opentelemetry.instrumentation.openai_v2', '0'],
  ])('of zero under %s is %s: OpenLIT writes it where it knows no price', (scope, amount) => {
    const row = usage({
      id: 1,
      scope,
      attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.cost': 0 },
    })
    expect(row.reportedCost).toBe(amount)
  })
})

describe('models', () => {
  const genkit = (name: string) =>
    usage({
      id: 1,
      scope: 'genkit-tracer',
      attributes: { 'genkit:metadata:subtype': 'model', 'genkit:name': name },
    })

  it('lose the route before them, which names the provider', () => {
    expect(genkit('vertexai/gemini-2.5-pro')).toMatchObject({
      provider: 'gcp.vertex_ai',
      requestModel: 'gemini-2.5-pro',
    })
  })

  it('keep a route nobody knows', () => {
    expect(genkit('acme/house-7b')).toMatchObject({ provider: null, requestModel: 'acme/house-7b' })
  })

  it('lose the quotes of an exporter that writes JSON', () => {
    const row = usage({
      id: 1,
      attributes: {
        'mlflow.spanType': '"LLM"',
        'mlflow.llm.model': '"gpt-4o"',
        'mlflow.llm.provider': '"openai"',
      },
    })
    expect(row).toMatchObject({
      dialect: 'mlflow',
      usageClass: 'call',
      provider: 'openai',
      requestModel: 'gpt-4o',
    })
  })
})

describe('usage found inside contents', () => {
  const inside = (text: string, attributes: Attributes = {}) =>
    usage({
      id: 1,
      scope: 'gcp.vertex.agent',
      name: 'call_llm',
      attributes: {
        'gen_ai.request.model': 'gemini-2.5-pro',
        [usageInsideKey('gcp.vertex.agent.llm_response')]: text,
        ...attributes,
      },
    })

  it('counts where the span says nothing', () => {
    const row = inside('{"prompt_token_count":10,"candidates_token_count":4,"total_token_count":14}')
    expect(row).toMatchObject({ metered: true, buckets: { inputUncached: 10, outputText: 4 } })
  })

  it('never stands against what the span says', () => {
    const row = inside(
      '{"prompt_token_count":10,"candidates_token_count":4,"thoughts_token_count":6,"total_token_count":20}',
      { 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.output_tokens': 10 },
    )
    expect(row).toMatchObject({
      buckets: { inputUncached: 10, outputText: 4, outputReasoning: 6 },
      anomalies: [],
    })
  })

  it('tells the tokens of tool results apart from thoughts', () => {
    const row = inside(
      '{"prompt_token_count":10,"candidates_token_count":4,"tool_use_prompt_token_count":30,"total_token_count":44}',
    )
    expect(row).toMatchObject({
      buckets: { inputUncached: 40, outputText: 4, outputReasoning: 0 },
      anomalies: [],
    })
  })

  it.each(['', '{', 'null', '{"prompt_token_count":"many"}'])('is none in %j', (text) => {
    expect(inside(text)).toMatchObject({ metered: false, anomalies: [] })
  })
})
