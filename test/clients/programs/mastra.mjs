// A Mastra agent with its OpenTelemetry exporter.
import { createOpenAI } from '@ai-sdk/openai'
import { Agent } from '@mastra/core/agent'
import { Mastra } from '@mastra/core/mastra'
import { createTool } from '@mastra/core/tools'
import { Observability } from '@mastra/observability'
import { OtelExporter } from '@mastra/otel-exporter'
import { z } from 'zod'
import { PROVIDER } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

const openai = createOpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
const weather = createTool({
  id: 'weather',
  description: 'The weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async () => ({ weather: 'sunny' }),
})
const common = { instructions: 'Answer.', model: openai.chat('gpt-4.1-mini') }
const endpoint = `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`
const exporter = new OtelExporter({
  provider: { custom: { endpoint, protocol: 'http/protobuf' } },
  // It does not read OTEL_RESOURCE_ATTRIBUTES.
  resourceAttributes: Object.fromEntries([process.env.OTEL_RESOURCE_ATTRIBUTES.split('=')]),
})
const mastra = new Mastra({
  agents: {
    plain: new Agent({ id: 'plain', name: 'plain', ...common }),
    caller: new Agent({ id: 'caller', name: 'caller', ...common, tools: { weather } }),
    thinker: new Agent({
      id: 'thinker',
      name: 'thinker',
      instructions: 'Think.',
      model: openai('gpt-5-mini'),
    }),
    patient: new Agent({
      ...common,
      id: 'patient',
      name: 'patient',
      model: openai.chat('gpt-busy'),
      maxRetries: 2,
    }),
    late: new Agent({ ...common, id: 'late', name: 'late', model: openai.chat('gpt-retired') }),
    lost: new Agent({ ...common, id: 'lost', name: 'lost', model: openai.chat('gpt-garbled') }),
  },
  observability: new Observability({
    configs: { otel: { serviceName: 'mastra-app', exporters: [exporter] } },
  }),
})

const question = 'What is the weather in Oslo?'
await mastra.getAgent('plain').generate(question)
const stream = await mastra.getAgent('plain').stream(question)
for await (const _ of stream.textStream);
await mastra.getAgent('caller').generate(question)
await mastra.getAgent('thinker').generate(question)
await mastra.getAgent('patient').generate(question)
await turnedAway(mastra.getAgent('late').generate(question))
await turnedAway(mastra.getAgent('lost').generate(question))
await mastra.shutdown()
