// Langfuse's wrapper of openai. Its buckets hold no token twice.
import { observeOpenAI } from '@langfuse/openai'
import { LangfuseSpanProcessor } from '@langfuse/otel'
import { propagateAttributes } from '@langfuse/tracing'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import OpenAI from 'openai'
import { callChat, callEmbeddings, callResponses } from './openai-calls.mjs'
import { PROVIDER, traced } from './otel.mjs'

const spanProcessors = [new LangfuseSpanProcessor({ exporter: new OTLPTraceExporter() })]
await traced(
  async () => {
    const openai = observeOpenAI(new OpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' }))
    await propagateAttributes({ sessionId: 'weather' }, async () => {
      await callChat(openai)
      await callResponses(openai)
      await callEmbeddings(openai)
    })
  },
  { spanProcessors },
)
