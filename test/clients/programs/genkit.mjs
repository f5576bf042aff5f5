// Genkit with Google's models. It tells usage only inside the answer it writes into the span.
import { googleAI } from '@genkit-ai/google-genai'
import { genkit, z } from 'genkit'
import { PROVIDER, traced } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

await traced(async () => {
  const ai = genkit({ plugins: [googleAI({ apiKey: 'none', baseUrl: PROVIDER })] })
  const weather = ai.defineTool(
    { name: 'weather', description: 'The weather.', inputSchema: z.object({ city: z.string() }) },
    async () => 'sunny',
  )
  const prompt = 'What is the weather in Oslo?'
  const model = googleAI.model('gemini-2.5-flash')
  await ai.generate({ model, prompt })
  const { stream, response } = ai.generateStream({ model, prompt })
  for await (const _ of stream);
  await response
  await ai.generate({ model, prompt, tools: [weather] })
  await ai.generate({ model: googleAI.model('gemini-2.5-pro'), prompt })
  await turnedAway(ai.generate({ model: googleAI.model('gemini-retired'), prompt }))
  await turnedAway(ai.generate({ model: googleAI.model('gemini-garbled'), prompt }))
})
