// Vercel AI SDK 7 with @ai-sdk/otel.
import { createOpenAI } from '@ai-sdk/openai'
import { OpenTelemetry } from '@ai-sdk/otel'
import * as ai from 'ai'
import { callAiSdk } from './ai-sdk-calls.mjs'
import { PROVIDER, traced } from './otel.mjs'

const openai = createOpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
await traced(() => {
  // It takes its tracer when it is made, so tracing must have been started.
  ai.registerTelemetry(new OpenTelemetry())
  return callAiSdk({ ai, openai, telemetry: { telemetry: { functionId: 'weather' } } })
})
