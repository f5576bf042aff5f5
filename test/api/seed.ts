import type pg from 'pg'

/** Rows as the cut and the rating write them, for tests of what reads them. Numbers are differences, as in the tables. */
export interface SeededRevision {
  readonly tenantId?: string
  /** 32 hex digits; the event is `evt_` and these. */
  readonly traceId: string
  readonly revision?: number
  readonly time?: string
  readonly customer?: string | null
  readonly session?: string | null
  readonly product?: string | null
  readonly agent?: string | null
  readonly cutReason?: string
  readonly assembly?: object
  readonly usage?: Readonly<Record<string, number>>
  /** Undefined: the revision waits to be rated. */
  readonly rating?: {
    readonly status: string
    readonly unpriced?: boolean
    readonly cogs: string
    readonly price: string | null
    readonly credits?: string
  }
  readonly lines?: readonly SeededLine[]
  readonly costs?: readonly SeededCost[]
}

export interface SeededLine {
  readonly part: string
  readonly provider?: string
  readonly model?: string
  readonly tool?: string
  readonly unit?: string
  readonly quantity: number
  readonly calls?: number
  readonly unpricedCalls?: number
  readonly cogs?: string
  readonly price?: string
}

export interface SeededCost {
  readonly part: string
  readonly provider?: string
  readonly model?: string
  readonly tool?: string
  readonly meter: string
  readonly quantity: number
  readonly priceRowId?: number
  readonly amount: string | null
}

export const NO_USAGE = {
  model_calls: 0,
  unmetered_calls: 0,
  tool_calls: 0,
  reasoning_steps: 0,
  input_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  output_tokens: 0,
  reasoning_tokens: 0,
  embedding_tokens: 0,
}

export const EMPTY_ASSEMBLY = { calls: [], tools: [], anomalies: [], spanIds: [] }

/** Inserts a revision, its rating and its lines, and the trace it was cut of. */
export async function seed(pool: pg.Pool, given: SeededRevision): Promise<void> {
  const time = given.time ?? '2026-03-01T10:00:00.000Z'
  const who = {
    tenant_id: given.tenantId ?? 'default',
    event_id: `evt_${given.traceId}`,
    revision: given.revision ?? 0,
    time,
  }
  const trace_id = Buffer.from(given.traceId, 'hex')
  const attribution = {
    customer_id: given.customer === undefined ? 'acme' : given.customer,
    product_id: given.product ?? null,
    agent: given.agent ?? null,
  }
  await insert(pool, 'events', {
    ...who,
    trace_id,
    cut_reason: given.cutReason ?? 'root_ended',
    recorded_at: time,
    ...attribution,
    session_id: given.session ?? null,
    started_at: time,
    ended_at: new Date(Date.parse(time) + 142).toISOString(),
    ...NO_USAGE,
    ...given.usage,
    assembly: JSON.stringify(given.assembly ?? EMPTY_ASSEMBLY),
  })
  await insertTrace(pool, who.tenant_id, trace_id, time, who.revision)
  if (!given.rating) return
  const { unpriced = false, ...rating } = given.rating
  await insert(pool, 'ratings', { ...who, rated_at: time, unpriced, currency: 'USD', ...rating })
  for (const [line_no, line] of (given.lines ?? []).entries()) {
    const { unpricedCalls = 0, calls = 0, unit = 'token', cogs = '0', price = '0', ...rest } = line
    const numbers = { line_no, unit, calls, unpriced_calls: unpricedCalls, cogs, price }
    await insert(pool, 'event_lines', { ...who, ...attribution, ...numbers, ...rest })
  }
  for (const [line_no, { priceRowId = null, ...cost }] of (given.costs ?? []).entries()) {
    const row = { line_no, service_tier: 'standard', price_row_id: priceRowId, span_ids: [], ...cost }
    await insert(pool, 'cost_lines', { ...who, ...row })
  }
}

/** An open exception of a seeded event. */
export async function seedException(
  pool: pg.Pool,
  given: { traceId: string; exceptionId: string; kind: string } & Readonly<Record<string, unknown>>,
): Promise<void> {
  const { traceId, exceptionId, kind, ...rest } = given
  await insert(pool, 'exceptions', {
    tenant_id: 'default',
    exception_id: exceptionId,
    kind,
    event_id: `evt_${traceId}`,
    trace_id: Buffer.from(traceId, 'hex'),
    reason: 'seeded',
    recorded_at: '2026-03-01T10:00:01Z',
    ...rest,
  })
}

export async function insert(
  pool: pg.Pool,
  table: string,
  row: Readonly<Record<string, unknown>>,
): Promise<void> {
  const columns = Object.keys(row)
  await pool.query(
    `insert into aforo_store.${table} (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
    Object.values(row),
  )
}

async function insertTrace(pool: pg.Pool, tenantId: string, traceId: Buffer, time: string, revision: number) {
  await pool.query(
    `insert into aforo_store.traces (tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to,
       root_ended, has_usage, span_count, opened_at, open_span_count, event_time, revision)
     values ($1, $2, $3, $3, $3, $3, true, true, 1, $3, 0, $3, $4)
     on conflict (tenant_id, trace_id) do update set revision = excluded.revision`,
    [tenantId, traceId, time, revision],
  )
}
