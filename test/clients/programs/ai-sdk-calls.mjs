// What an application does with the Vercel AI SDK, version 6 or 7: a text, a stream, a tool loop, a call with cached and
// reasoning tokens, one that succeeds at the second attempt, one that is refused, one whose answer cannot be read, a stream that is left, an embedding.
import { z } from 'zod'
import { turnedAway } from './turned-away.mjs'

export async function callAiSdk({ ai, openai, telemetry }) {
  const { embed, generateText, isStepCount, stepCountIs, streamText, tool } = ai
  const stopWhen = (isStepCount ?? stepCountIs)(5)
  const weather = tool({
    description: 'The weather.',
    inputSchema: z.object({ city: z.string() }),
    execute: async () => 'sunny',
  })
  const prompt = 'What is the weather in Oslo?'
  const model = openai.chat('gpt-4.1-mini')
  await generateText({ model, prompt, ...telemetry })
  await streamText({ model, prompt, ...telemetry }).consumeStream()
  await generateText({ model, prompt, tools: { weather }, stopWhen, ...telemetry })
  await streamText({ model, prompt, tools: { weather }, stopWhen, ...telemetry }).consumeStream()
  await generateText({ model: openai('gpt-5-mini'), prompt, ...telemetry })
  await streamText({ model: openai('gpt-5-mini'), prompt, ...telemetry }).consumeStream()
  await generateText({ model: openai.chat('gpt-busy'), prompt, ...telemetry })
  await turnedAway(generateText({ model: openai.chat('gpt-retired'), prompt, ...telemetry }))
  await turnedAway(generateText({ model: openai.chat('gpt-garbled'), prompt, ...telemetry }))
  const leaving = new AbortController()
  const left = streamText({
    model: openai.chat('gpt-slow'),
    prompt,
    abortSignal: leaving.signal,
    onError: () => {},
    ...telemetry,
  })
  for await (const _ of left.textStream) leaving.abort()
  await embed({ model: openai.embedding('text-embedding-3-small'), value: 'Oslo', ...telemetry })
}
