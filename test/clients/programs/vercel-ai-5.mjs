// Vercel AI SDK 5 with Google's and Anthropic's models, whose cached and thought tokens it tells apart; under OpenInference's
// processor where OPENINFERENCE is set, which copies the numbers into its own words.
import { OpenInferenceBatchSpanProcessor } from '@arizeai/openinference-vercel'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import * as ai from 'ai-5'
import { createAnthropic } from 'ai-sdk-anthropic-2'
import { createGoogleGenerativeAI } from 'ai-sdk-google-2'
import { z } from 'zod'
import { PROVIDER, traced } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

const google = createGoogleGenerativeAI({ baseURL: `${PROVIDER}/v1beta`, apiKey: 'none' })
const anthropic = createAnthropic({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
const experimental_telemetry = { isEnabled: true, functionId: 'weather', metadata: { sessionId: 'weather' } }
const weather = ai.tool({
  description: 'The weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async () => 'sunny',
})
const common = { prompt: 'What is the weather in Oslo?', experimental_telemetry }

async function call({ plain, detailed, busy, retired, garbled, slow }) {
  await ai.generateText({ model: plain, ...common })
  await ai.generateText({ model: plain, tools: { weather }, stopWhen: ai.stepCountIs(5), ...common })
  await ai.generateText({ model: detailed, ...common })
  await ai.streamText({ model: detailed, ...common }).consumeStream()
  await ai.generateText({ model: busy, ...common })
  await turnedAway(ai.generateText({ model: retired, ...common }))
  await turnedAway(ai.generateText({ model: garbled, ...common }))
  const leaving = new AbortController()
  const left = ai.streamText({ model: slow, abortSignal: leaving.signal, onError: () => {}, ...common })
  for await (const _ of left.textStream) leaving.abort()
}

const spanProcessors = process.env.OPENINFERENCE
  ? [new OpenInferenceBatchSpanProcessor({ exporter: new OTLPTraceExporter() })]
  : undefined
await traced(
  async () => {
    await call({
      plain: google('gemini-2.5-flash'),
      detailed: google('gemini-2.5-pro'),
      busy: google('gemini-busy'),
      retired: google('gemini-retired'),
      garbled: google('gemini-garbled'),
      slow: google('gemini-slow'),
    })
    await call({
      plain: anthropic('claude-haiku-4-5'),
      detailed: anthropic('claude-opus-4-5'),
      busy: anthropic('claude-busy'),
      retired: anthropic('claude-retired'),
      garbled: anthropic('claude-garbled'),
      slow: anthropic('claude-slow'),
    })
  },
  { spanProcessors },
)
