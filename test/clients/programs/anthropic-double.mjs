// The Anthropic SDK, which traces by itself, under OpenInference: every call is told of twice.
import Anthropic from '@anthropic-ai/sdk'
import { AnthropicInstrumentation } from '@arizeai/openinference-instrumentation-anthropic'
import { callMessages } from './anthropic-calls.mjs'
import { inSpan } from './app-span.mjs'
import { PROVIDER, traced } from './otel.mjs'

const instrumentation = new AnthropicInstrumentation()
instrumentation.manuallyInstrument(Anthropic)
await traced(() => inSpan(() => callMessages(new Anthropic({ baseURL: PROVIDER, apiKey: 'none' }))), {
  instrumentations: [instrumentation],
})
