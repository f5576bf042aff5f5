// Genkit with Anthropic's models, whose cached tokens its plugin leaves out of the input.
import { anthropic } from '@genkit-ai/anthropic'
import { genkit, z } from 'genkit'
import { PROVIDER, traced } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

await traced(async () => {
  // The plugin takes no address.
  process.env.ANTHROPIC_BASE_URL = PROVIDER
  const ai = genkit({ plugins: [anthropic({ apiKey: 'none' })] })
  const weather = ai.defineTool(
    { name: 'weather', description: 'The weather.', inputSchema: z.object({ city: z.string() }) },
    async () => 'sunny',
  )
  const prompt = 'What is the weather in Oslo?'
  const model = anthropic.model('claude-haiku-4-5')
  await ai.generate({ model, prompt })
  const { stream, response } = ai.generateStream({ model, prompt })
  for await (const _ of stream);
  await response
  await ai.generate({ model, prompt, tools: [weather] })
  await ai.generate({ model: anthropic.model('claude-opus-4-5'), prompt })
  await turnedAway(ai.generate({ model: anthropic.model('claude-retired'), prompt }))
  await turnedAway(ai.generate({ model: anthropic.model('claude-garbled'), prompt }))
})
