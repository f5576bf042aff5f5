// openai with OpenLLMetry, which loses the usage of streams.
import { OpenAIInstrumentation } from '@traceloop/instrumentation-openai'
import OpenAI from 'openai'
import { callChat, callResponses } from './openai-calls.mjs'
import { PROVIDER, traced } from './otel.mjs'

const instrumentation = new OpenAIInstrumentation()
instrumentation.manuallyInstrument(OpenAI)
await traced(
  async () => {
    const openai = new OpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
    await callChat(openai)
    await callResponses(openai)
  },
  { instrumentations: [instrumentation] },
)
