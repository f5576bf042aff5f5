// The OpenAI Agents SDK under OpenInference.
import { OpenAIAgentsInstrumentation } from '@arizeai/openinference-instrumentation-openai-agents'
import * as agents from '@openai/agents'
import OpenAI from 'openai'
import { z } from 'zod'
import { PROVIDER, traced } from './otel.mjs'
import { turnedAway } from './turned-away.mjs'

const instrumentation = new OpenAIAgentsInstrumentation()
instrumentation.manuallyInstrument(agents)
const { Agent, run, setDefaultOpenAIClient, setOpenAIAPI, tool } = agents
setDefaultOpenAIClient(new OpenAI({ baseURL: `${PROVIDER}/v1`, apiKey: 'none' }))
setOpenAIAPI('responses')

const weather = tool({
  name: 'weather',
  description: 'The weather.',
  parameters: z.object({ city: z.string() }),
  execute: async () => 'sunny',
})

await traced(
  async () => {
    const plain = new Agent({ name: 'plain', model: 'gpt-4.1-mini' })
    await run(plain, 'What is the weather in Oslo?')
    const stream = await run(plain, 'What is the weather in Oslo?', { stream: true })
    await stream.completed
    const caller = new Agent({ name: 'caller', model: 'gpt-4.1-mini', tools: [weather] })
    await run(caller, 'What is the weather in Oslo?')
    await run(new Agent({ name: 'thinker', model: 'gpt-5-mini' }), 'What is the weather in Oslo?')
    await run(new Agent({ name: 'patient', model: 'gpt-busy' }), 'What is the weather in Oslo?')
    await turnedAway(run(new Agent({ name: 'late', model: 'gpt-retired' }), 'What is the weather in Oslo?'))
    await turnedAway(run(new Agent({ name: 'lost', model: 'gpt-garbled' }), 'What is the weather in Oslo?'))
  },
  { instrumentations: [instrumentation] },
)
