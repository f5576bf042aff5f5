// Vercel AI SDK 4 with OpenAI's, Anthropic's and Google's models. It tells nothing of what Google's thought, so that none is asked that does.
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import * as ai from 'ai'
import { z } from 'zod'
import { PROVIDER, traced } from '../programs/otel.mjs'
import { turnedAway } from '../programs/turned-away.mjs'

const openai = createOpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none', compatibility: 'strict' })
const anthropic = createAnthropic({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
const google = createGoogleGenerativeAI({ baseURL: `${PROVIDER}/v1beta`, apiKey: 'none' })
const experimental_telemetry = { isEnabled: true, functionId: 'weather', metadata: { sessionId: 'weather' } }
const weather = ai.tool({
  description: 'The weather.',
  parameters: z.object({ city: z.string() }),
  execute: async () => 'sunny',
})
const common = { prompt: 'What is the weather in Oslo?', experimental_telemetry }

async function stream(model, more) {
  for await (const _ of ai.streamText({ model, ...more, ...common }).textStream);
}

async function readUntil(left, leaving) {
  for await (const _ of left.textStream) leaving.abort()
}

/** Of each provider: a text, a tool loop of either kind, one that is retried, one that is refused, one that cannot be read, one that is left. */
async function call(provider, plain, prefix) {
  await ai.generateText({ model: provider(plain), ...common })
  await ai.generateText({ model: provider(plain), tools: { weather }, maxSteps: 5, ...common })
  await stream(provider(plain), { tools: { weather }, maxSteps: 5 })
  await ai.generateText({ model: provider(`${prefix}-busy`), ...common })
  await turnedAway(ai.generateText({ model: provider(`${prefix}-retired`), ...common }))
  await turnedAway(ai.generateText({ model: provider(`${prefix}-garbled`), ...common }))
  const leaving = new AbortController()
  const left = ai.streamText({
    model: provider(`${prefix}-slow`),
    abortSignal: leaving.signal,
    onError: () => {},
    ...common,
  })
  await turnedAway(readUntil(left, leaving))
}

await traced(async () => {
  await call(openai, 'gpt-4.1-mini', 'gpt')
  await call(anthropic, 'claude-haiku-4-5', 'claude')
  await call(google, 'gemini-2.5-flash', 'gemini')
  for (const model of [openai('gpt-5-mini'), openai.responses('gpt-5-mini'), anthropic('claude-opus-4-5')]) {
    await ai.generateText({ model, ...common })
    await stream(model, {})
  }
  const model = openai.embedding('text-embedding-3-small')
  await ai.embed({ model, value: 'Oslo', experimental_telemetry })
  await ai.embedMany({ model, values: ['Oslo', 'Bergen'], experimental_telemetry })
})
