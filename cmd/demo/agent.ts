// The program of a customer: four agents on Anthropic's model that answer one support ticket. All of Aforo in it is
// `start`, `metered` and `shutdown`. It is pointed at Aforo by OTEL_EXPORTER_OTLP_ENDPOINT, at the model by ANTHROPIC_*.
import { anthropic } from '@ai-sdk/anthropic'
import { OpenTelemetry } from '@ai-sdk/otel'
import { isStepCount, registerTelemetry, streamText, type ToolSet, tool, wrapLanguageModel } from 'ai'
import { z } from 'zod'
import { metered, start } from '../../instrumentation/index.ts'
import { dottedToolNames } from './dotted-tool-names.ts'
import { cached, charges, orders } from './shop.ts'

const tracing = start({ serviceName: 'support-bot' })
registerTelemetry(new OpenTelemetry({ usage: true, agentSpanName: 'functionId' }))

const model = wrapLanguageModel({ model: anthropic('claude-sonnet-4-6'), middleware: dottedToolNames })

const tools = {
  'db.query': tool({
    description: 'Reads an order from the shop database.',
    inputSchema: z.object({ order: z.string() }),
    execute: ({ order }) => orders(order),
  }),
  'api.fetch': tool({
    description: 'Fetches the charges of an order from the payment provider.',
    inputSchema: z.object({ order: z.string() }),
    execute: ({ order }) => charges(order),
  }),
  'cache.get': tool({
    description: 'Looks up a policy text.',
    inputSchema: z.object({ key: z.string() }),
    execute: ({ key }) => cached(key),
  }),
}

interface Ticket {
  readonly customer: string
  readonly session: string
  readonly text: string
}

/** One ticket is one trace, and so one billable event. */
const answer = metered(
  (ticket: Ticket) => ({
    agent: 'triage',
    customer: ticket.customer,
    product: 'support-bot',
    session: ticket.session,
  }),
  async (ticket) => {
    const plan = await ask('planner', 'Plan how to resolve the ticket.', ticket.text)
    const findings = await ask('researcher', 'Follow the plan with your tools.', plan, tools)
    const review = await ask('critic', 'Find what is wrong or missing.', findings)
    return ask('writer', 'Answer the customer, kindly and briefly.', `${findings}\n\n${review}`)
  },
)

async function ask(agent: string, instructions: string, prompt: string, toolbox: ToolSet = {}) {
  const stream = streamText({
    model,
    instructions,
    prompt,
    tools: toolbox,
    stopWhen: isStepCount(8),
    reasoning: 'medium',
    telemetry: { functionId: agent },
  })
  return stream.text
}

try {
  const [customer = 'acme', session = 'session_4f2a', text = 'Why was order 1042 charged twice?'] =
    process.argv.slice(2)
  process.stdout.write(`${await answer({ customer, session, text })}\n`)
} finally {
  await tracing.shutdown()
}
