import { setTimeout as sleep } from 'node:timers/promises'
import { unpackAssembly } from '../../core/packed-assembly.ts'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import type { openPool } from '../../schema/pool.ts'
import type { Billed } from './verdict.ts'

/** What Aforo made of one customer's spans. */
export interface Bill {
  /** Every model call of the newest revision of every event. */
  readonly calls: readonly Billed[]
  /** How many tool calls its events have. */
  readonly tools: number
  /** Sessions its events are of, each once. */
  readonly sessions: readonly string[]
  /** Sums over the events as the API shows them. Tokens; embeddings are input. */
  readonly input: number
  readonly output: number
  /** Calls that `GET /v1/exceptions` lists as unmetered. */
  readonly exceptions: number
  /** The spans in the journal, with their times since the first: what there was to judge by. */
  readonly spans: readonly string[]
}

type Pool = ReturnType<typeof openPool>

const POLL_MS = 100
/** A trace without an ended root is cut when it was idle; a late span makes it due again. */
const QUIET_MS = 1_500
const WAIT_MS_MAX = 20_000

/** What one customer is billed so far. */
export async function readBill(pool: Pool, apiPort: number, customer: string): Promise<Bill> {
  const events = await list<ShownEvent>(apiPort, `/v1/events?customer=${customer}`)
  const exceptions = await list<ShownException>(apiPort, '/v1/exceptions?kind=unmetered')
  const assemblies = await readAssemblies(pool, customer)
  return {
    calls: assemblies.flatMap(({ calls }) => calls).map(billed),
    tools: assemblies.reduce((sum, { tools }) => sum + tools.length, 0),
    sessions: [...new Set(assemblies.flatMap(({ session }) => session ?? []))],
    input: sum(events, ({ usage }) => Number(usage.input_tokens) + Number(usage.embedding_tokens)),
    output: sum(events, ({ usage }) => Number(usage.output_tokens)),
    exceptions: exceptions.filter((row) => row.customer === customer).length,
    spans: await readSpans(pool, customer),
  }
}

/** Waits until no trace is open any more, no event waits for its rating and no mirror for its next cut. */
export async function settled(pool: Pool): Promise<void> {
  const deadline = Date.now() + WAIT_MS_MAX
  let quietSince = Date.now()
  while (Date.now() - quietSince < QUIET_MS) {
    const { rows } = await pool.query<{ open: boolean }>(
      `select exists (select from aforo_store.traces where cut_due_at is not null)
         or exists (select from aforo_store.rating_queue)
         or exists (select from aforo_store.call_sightings where not told) as open`,
    )
    if (rows[0]!.open) quietSince = Date.now()
    if (Date.now() > deadline) throw new Error('traces are still open')
    await sleep(POLL_MS)
  }
}

interface ShownEvent {
  readonly usage: Readonly<Record<'input_tokens' | 'output_tokens' | 'embedding_tokens', string>>
}

interface ShownException {
  readonly customer: string | null
}

/** The newest of every event. */
async function readAssemblies(pool: Pool, customer: string): Promise<ReturnType<typeof unpackAssembly>[]> {
  const { rows } = await pool.query<{ assembly: unknown }>(
    `select distinct on (event_id) assembly from aforo_store.events
     where customer_id = $1 order by event_id, revision desc`,
    [customer],
  )
  return rows.map(({ assembly }) => unpackAssembly(assembly))
}

function billed(call: ReturnType<typeof unpackAssembly>['calls'][number]): Billed {
  return {
    kind: call.kind,
    model: call.model,
    metered: call.metered,
    input: inputTokens(call.buckets),
    cacheRead: call.buckets.cacheRead,
    cacheWrite: call.buckets.cacheWrite + call.buckets.cacheWrite1h,
    output: outputTokens(call.buckets),
    reasoning: call.buckets.outputReasoning,
  }
}

async function readSpans(pool: Pool, customer: string): Promise<string[]> {
  const { rows } = await pool.query<{ told: string }>(
    `select format('%s..%s µs %s+%s %s, %s %s by %s %s', (start_nano - min(start_nano) over ()) / 1000,
         (end_nano - min(start_nano) over ()) / 1000, input_uncached + cache_read + cache_write + cache_write_1h,
         output_text + output_reasoning, coalesce(response_model, request_model, '(no model)'), dialect, class,
         scope_name, scope_version) as told
     from aforo_store.usage_journal where customer = $1 order by start_nano`,
    [customer],
  )
  return rows.map((row) => row.told)
}

async function list<T>(port: number, path: string): Promise<T[]> {
  const rows: T[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const join = path.includes('?') ? '&' : '?'
    const page = cursor === '' ? path : `${path}${join}cursor=${encodeURIComponent(cursor)}`
    const response = await fetch(`http://127.0.0.1:${port}${page}`)
    if (!response.ok) throw new Error(`${page} answered ${response.status}: ${await response.text()}`)
    const { data, next_cursor } = (await response.json()) as { data: T[]; next_cursor: string | null }
    rows.push(...data)
    cursor = next_cursor
  }
  return rows
}

function sum<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((total, row) => total + of(row), 0)
}
