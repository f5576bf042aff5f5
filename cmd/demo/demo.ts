import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startOwnAforo } from './aforo.ts'
import { type Api, apiAt, type BillableEvent } from './api.ts'
import { arrange } from './arrange.ts'
import { startModelServer } from './model-server.ts'
import { ownEnvironment, startProgram } from './program.ts'
import { TURNS } from './served-turns.ts'

// npm run demo -- [--plan FILE] [--json]
// A real agent runs against a fake model; Aforo, started for the occasion, bills it; what is printed is what its API says.

const CUSTOMER = 'acme'
const SESSION = 'session_4f2a'
const AGENT_MS = 60_000
const RATED_MS = 60_000

const { values: options } = parseArgs({
  options: {
    plan: { type: 'string', default: process.env.AFORO_DEMO_PLAN },
    /** Adds the billable event as the last line, for scripts. */
    json: { type: 'boolean', default: false },
  },
})

/** What must be stopped in the end, latest first. */
const stops: (() => Promise<void>)[] = []

try {
  await Promise.race([demo(), interrupted()])
} catch (error) {
  process.exitCode = 1
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
} finally {
  for (const stop of stops.reverse()) {
    await stop().catch((error: unknown) => process.stderr.write(`demo: not stopped cleanly: ${error}\n`))
  }
}
process.exit()

async function demo(): Promise<void> {
  const plan: unknown = JSON.parse(
    await readFile(options.plan ?? new URL('plan.json', import.meta.url), 'utf8'),
  )
  const model = await startModelServer(TURNS)
  stops.push(model.close)
  const aforo = startOwnAforo()
  stops.push(aforo.stop)
  const { otlpHttp, api: apiAddress, check } = await aforo.ready()
  const api = apiAt(apiAddress)
  await arrange(api, CUSTOMER, plan)

  const agent = startProgram('agent.ts', [CUSTOMER, SESSION], {
    ...ownEnvironment(),
    ANTHROPIC_BASE_URL: model.baseUrl,
    ANTHROPIC_API_KEY: 'none-needed-here',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${otlpHttp}`,
  })
  stops.push(agent.stop)
  await agent.ended(AGENT_MS)

  const event = await api.ratedEvent(SESSION, RATED_MS)
  print(
    await api.text(`/v1/traces/${event.trace_id}`),
    marginLine(event),
    `Margin by model\n${await api.text('/v1/margins?group_by=model')}`,
    `Margin by customer\n${await api.text('/v1/margins?group_by=customer')}`,
  )
  print(await ledger(api), await deniedCheck(api, apiAt(check)))
  if (options.json) print(JSON.stringify(event))
}

/** Credits that were given, and what was taken of them for the event. */
async function ledger(api: Api): Promise<string> {
  type Entry = Readonly<Record<'source' | 'destination' | 'amount' | 'balance', string>>
  const { data } = await api.json<{ data: readonly Entry[] }>(`/v1/customers/${CUSTOMER}/ledger`)
  const lines = data.map(
    ({ source, destination, amount, balance }) =>
      `${source} → ${destination}`.padEnd(28) + amount.padStart(12) + balance.padStart(14),
  )
  return [`${'Credit ledger'.padEnd(28)}${'credits'.padStart(12)}${'balance'.padStart(14)}`, ...lines].join(
    '\n',
  )
}

/** The session has used more than a budget allows: its next call is not let through. */
async function deniedCheck(api: Api, check: Api): Promise<string> {
  await api.put('/v1/budgets/per-session', {
    scope: { session: '*' },
    unit: 'model_calls',
    limit: '5',
    window: 'lifetime',
    mode: 'hard',
  })
  const asked = { customer: CUSTOMER, session: SESSION }
  return `POST /v1/check ${JSON.stringify(asked)}\n${JSON.stringify(await check.post<object>('/v1/check', asked))}`
}

function marginLine(event: BillableEvent): string {
  const { price, cogs, margin, margin_pct, currency, model_calls, tool_calls } = event
  return (
    `Event ${event.event_id}: ${model_calls} model calls, ${tool_calls} tool calls\n` +
    `price ${price} - COGS ${cogs} = margin ${margin} ${currency} (${margin_pct} %)`
  )
}

function print(...paragraphs: readonly string[]): void {
  for (const paragraph of paragraphs) process.stdout.write(`${paragraph.trimEnd()}\n\n`)
}

/** Rejects when someone wants us to stop, so that what runs is stopped and removed on that way too. */
function interrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)))
    }
  })
}
