// openai with OpenTelemetry's own instrumentation, which knows neither cached nor reasoning tokens.
import { OpenAIInstrumentation } from '@opentelemetry/instrumentation-openai'
import { callChat, callEmbeddings } from '../programs/openai-calls.mjs'
import { PROVIDER, traced } from '../programs/otel.mjs'

await traced(
  async () => {
    const { default: OpenAI } = await import('openai')
    const openai = new OpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
    await callChat(openai)
    await callEmbeddings(openai)
  },
  { instrumentations: [new OpenAIInstrumentation()] },
)
