// The Anthropic SDK, which traces by itself where a tracer provider is set up.
import Anthropic from '@anthropic-ai/sdk'
import { callMessages } from './anthropic-calls.mjs'
import { PROVIDER, traced } from './otel.mjs'

await traced(() => callMessages(new Anthropic({ baseURL: PROVIDER, apiKey: 'none' })))
