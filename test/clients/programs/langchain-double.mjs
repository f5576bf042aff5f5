// LangChain under two instrumentations at once, OpenInference's of LangChain and of openai: every call is told twice.
import { LangChainInstrumentation } from '@arizeai/openinference-instrumentation-langchain'
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai'
import * as CallbackManager from '@langchain/core/callbacks/manager'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import OpenAI from 'openai'
import { z } from 'zod'
import { inSpan } from './app-span.mjs'
import { leave } from './leave.mjs'
import { PROVIDER, traced } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

const langChain = new LangChainInstrumentation()
langChain.manuallyInstrument(CallbackManager)
const openai = new OpenAIInstrumentation()
openai.manuallyInstrument(OpenAI)

const weather = tool(async () => 'sunny', {
  name: 'weather',
  description: 'The weather.',
  schema: z.object({ city: z.string() }),
})
const common = { apiKey: 'none', configuration: { baseURL: `${PROVIDER}/v1` } }

async function callLangChain() {
  const model = new ChatOpenAI({ model: 'gpt-4.1-mini', ...common })
  const question = { role: 'user', content: 'What is the weather in Oslo?' }
  await model.invoke([question])
  for await (const _ of await model.stream([question]));
  const withTools = model.bindTools([weather])
  const asked = await withTools.invoke([question])
  const result = await weather.invoke(asked.tool_calls[0])
  await withTools.invoke([question, asked, result])
  await new ChatOpenAI({ model: 'gpt-5-mini', ...common }).invoke([question])
  await new ChatOpenAI({ model: 'gpt-busy', ...common }).invoke([question])
  const slow = new ChatOpenAI({ model: 'gpt-slow', ...common })
  await leave(await slow.stream([question]))
  await turnedAway(new ChatOpenAI({ model: 'gpt-retired', ...common }).invoke([question]))
  // It asks seven times, and tells of one.
  await turnedAway(new ChatOpenAI({ model: 'gpt-garbled', ...common, maxRetries: 0 }).invoke([question]))
}

await traced(() => inSpan(callLangChain), { instrumentations: [langChain, openai] })
