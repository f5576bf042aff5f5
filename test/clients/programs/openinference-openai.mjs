// openai with OpenInference, which loses the usage of a chat's stream.
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai'
import OpenAI from 'openai'
import { callChat, callEmbeddings, callResponses } from './openai-calls.mjs'
import { PROVIDER, traced } from './otel.mjs'

const instrumentation = new OpenAIInstrumentation()
instrumentation.manuallyInstrument(OpenAI)
await traced(
  async () => {
    const openai = new OpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
    await callChat(openai)
    await callResponses(openai)
    await callEmbeddings(openai)
  },
  { instrumentations: [instrumentation] },
)
