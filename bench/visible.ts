import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { runAforo } from '../test/e2e/process.ts'
import { benchDatabase } from './database.ts'

/*
 * How soon what was used counts: from the acknowledgement of an OTLP request to the commit that has it in the counter of
 * a budget, over single requests on an `aforo serve` that does nothing else. Every request is a model call of a trace of
 * its own; every tenth comes to one trace that stays open and grows. The counter is asked for over and over, so what is
 * told is late by one answer of the database at most.
 */
const REQUESTS = Number(process.env.BENCH_REQUESTS ?? 300)
const TOKENS = 100
const PAUSE_MS = 15
const GIVE_UP_MS = 10_000

await using server = await benchDatabase()
const aforo = await runAforo('serve', {
  DATABASE_URL: server.url,
  AFORO_CUT_QUIET_MS: '2000',
  AFORO_CUT_IDLE_MS: '30000',
})
try {
  await run(aforo.ports.api!, aforo.ports.otlp_http!)
} finally {
  await aforo.end('SIGTERM')
}

async function run(api: number, otlp: number): Promise<void> {
  const database = new pg.Client({ connectionString: server.url })
  await database.connect()
  try {
    await measure(database, api, otlp)
  } finally {
    await database.end()
  }
}

async function measure(database: pg.Client, api: number, otlp: number): Promise<void> {
  const put = await fetch(`http://127.0.0.1:${api}/v1/budgets/acme`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      scope: { customer: 'acme' },
      unit: 'tokens',
      limit: '1000000000',
      window: 'lifetime',
      mode: 'hard',
    }),
  })
  if (put.status !== 201) throw new Error(await put.text())
  const growing = randomBytes(16).toString('hex')
  const taken: number[] = []
  // The first ones meet code that is not compiled yet, and are not counted.
  for (let no = 1; no <= REQUESTS + 20; no++) {
    await send(otlp, no % 10 === 0 ? growing : randomBytes(16).toString('hex'))
    const acknowledged = performance.now()
    await untilUsed(database, no * TOKENS, acknowledged)
    if (no > 20) taken.push(performance.now() - acknowledged)
    await pause(PAUSE_MS + Math.random() * PAUSE_MS)
  }
  taken.sort((a, b) => a - b)
  const at = (share: number) =>
    taken[Math.min(taken.length - 1, Math.floor(taken.length * share))]!.toFixed(1)
  process.stdout.write(
    `from the acknowledgement to the budget's counter, ${taken.length} requests: ` +
      `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms\n`,
  )
}

async function send(port: number, traceId: string): Promise<void> {
  const now = BigInt(Date.now()) * 1_000_000n
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': 'claude-sonnet-4-5',
    'gen_ai.response.id': `msg_${randomBytes(12).toString('hex')}`,
    'gen_ai.usage.input_tokens': TOKENS - 10,
    'gen_ai.usage.output_tokens': 10,
    'aforo.customer.id': 'acme',
  }
  const span = {
    traceId,
    spanId: randomBytes(8).toString('hex'),
    name: 'chat',
    kind: 3,
    startTimeUnixNano: String(now - 500_000_000n),
    endTimeUnixNano: String(now),
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    })),
  }
  const scopeSpans = [{ scope: { name: 'bench' }, spans: [span] }]
  const response = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource: {}, scopeSpans }] }),
  })
  if (!response.ok) throw new Error(await response.text())
  await response.arrayBuffer()
}

async function untilUsed(database: pg.Client, tokens: number, from: number): Promise<void> {
  for (;;) {
    const { rows } = await database.query<{ used: string }>({
      name: 'used',
      text: `select trunc(used)::text as used from aforo_store.budget_counters where budget_id = 'acme'`,
    })
    const used = Number(rows[0]?.used ?? 0)
    if (used === tokens) return
    if (used > tokens) throw new Error(`${used} tokens are counted, and ${tokens} were used`)
    if (performance.now() - from > GIVE_UP_MS)
      throw new Error(`${tokens} tokens were used, ${used} are counted`)
    await pause(1)
  }
}
