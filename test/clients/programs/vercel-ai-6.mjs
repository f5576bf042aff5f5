// Vercel AI SDK 6 with its experimental telemetry.
import * as ai from 'ai-6'
import { createOpenAI } from 'ai-sdk-openai-3'
import { callAiSdk } from './ai-sdk-calls.mjs'
import { PROVIDER, traced } from './otel.mjs'

const openai = createOpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' })
const experimental_telemetry = { isEnabled: true, metadata: { sessionId: 'weather' } }
await traced(() => callAiSdk({ ai, openai, telemetry: { experimental_telemetry } }))
