// LangChain with Google's and Anthropic's models under OpenInference, whose spans name neither the provider nor Google's model.
import { LangChainInstrumentation } from '@arizeai/openinference-instrumentation-langchain'
import { ChatAnthropic } from '@langchain/anthropic'
import * as CallbackManager from '@langchain/core/callbacks/manager'
import { tool } from '@langchain/core/tools'
import { ChatGoogleGenerativeAI } from '@langchain/google-genai'
import { z } from 'zod'
import { PROVIDER, traced } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

const langChain = new LangChainInstrumentation()
langChain.manuallyInstrument(CallbackManager)

const weather = tool(async () => 'sunny', {
  name: 'weather',
  description: 'The weather.',
  schema: z.object({ city: z.string() }),
})
const question = { role: 'user', content: 'What is the weather in Oslo?' }
const google = (model, more) =>
  new ChatGoogleGenerativeAI({ model, apiKey: 'none', baseUrl: PROVIDER, ...more })
const anthropic = (model, more) =>
  new ChatAnthropic({ model, apiKey: 'none', anthropicApiUrl: PROVIDER, maxTokens: 1000, ...more })
// For an answer it cannot read it asks seven times, and tells of one.
const once = { maxRetries: 0 }

await traced(
  async () => {
    await google('gemini-2.5-flash').invoke([question])
    await google('gemini-2.5-pro').invoke([question])
    for await (const _ of await google('gemini-2.5-pro').stream([question]));
    await turnedAway(google('gemini-retired').invoke([question]))
    await turnedAway(google('gemini-garbled', once).invoke([question]))
    const model = anthropic('claude-haiku-4-5').bindTools([weather])
    const asked = await model.invoke([question])
    await model.invoke([question, asked, await weather.invoke(asked.tool_calls[0])])
    // Of a stream of Anthropic's it counts the first token twice.
    await anthropic('claude-opus-4-5').invoke([question])
    await anthropic('claude-busy').invoke([question])
    await turnedAway(anthropic('claude-retired').invoke([question]))
    await turnedAway(anthropic('claude-garbled', once).invoke([question]))
  },
  { instrumentations: [langChain] },
)
