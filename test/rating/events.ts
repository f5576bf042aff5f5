import type pg from 'pg'
import type { Assembly, ModelCall, ToolCall } from '../../core/assembly.ts'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import { eventIdOf } from '../../core/ids.ts'
import { packAssembly } from '../../core/packed-assembly.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { transaction } from '../../schema/pool.ts'
import { recordPriceRows } from '../../schema/price-rows.ts'

export const NOON = new Date('2026-11-23T12:00:00Z')

/** A model call of 2026-11-23 12:00 with what a test wants different. */
export function modelCall(spanNo: number, of: Partial<ModelCall> = {}): ModelCall {
  const spanId = spanIdOf(spanNo)
  const startNano = BigInt(NOON.getTime()) * 1_000_000n
  return {
    spanId,
    spanIds: [spanId],
    kind: 'chat',
    granularity: 'call',
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    requestModel: 'claude-sonnet-4-5',
    responseId: null,
    startNano,
    endNano: startNano + 1_000_000_000n,
    metered: true,
    buckets: NO_TOKENS,
    reasoningSteps: 0,
    quantities: {},
    serviceTier: null,
    region: null,
    reportedCost: null,
    estimated: false,
    cacheHit: false,
    badTime: false,
    ...of,
  }
}

export function toolCall(spanNo: number, name: string, of: Partial<ToolCall> = {}): ToolCall {
  const startNano = BigInt(NOON.getTime()) * 1_000_000n
  const times = { startNano, endNano: startNano + 1_000_000n }
  return { spanId: spanIdOf(spanNo), name, callId: null, type: 'function', ...times, ...of }
}

export function assemblyOf(of: Partial<Assembly>): Assembly {
  const startNano = BigInt(NOON.getTime()) * 1_000_000n
  const calls = of.calls ?? []
  return {
    calls,
    tools: [],
    reasoningSteps: calls.reduce((sum, call) => sum + call.reasoningSteps, 0),
    anomalies: [],
    startNano,
    endNano: startNano + 2_000_000_000n,
    customer: null,
    product: null,
    session: null,
    agent: null,
    spanIds: [],
    ...of,
  }
}

export function spanIdOf(no: number): string {
  return no.toString(16).padStart(16, '0')
}

export function traceIdOf(no: number): string {
  return no.toString(16).padStart(32, '0')
}

export interface StoredEvent {
  readonly traceNo: number
  readonly revision?: number
  readonly customer?: string | null
  readonly time?: Date
  readonly recordedAt?: Date
  readonly assembly: Assembly
}

/** Writes a revision and its place in the queue as the cut does. The totals of the row are not the rating's to read. */
export async function storeEvent(pool: pg.Pool, event: StoredEvent): Promise<string> {
  const eventId = eventIdOf(traceIdOf(event.traceNo))
  const { revision = 0, customer = null, time = NOON, recordedAt = NOON, assembly } = event
  const { product, agent, session } = assembly
  const document = JSON.stringify(packAssembly(assemblyToDocument(assembly)))
  await pool.query(
    `with event as (
       insert into aforo_store.events values ('default', $1, $2, $3, $4, 'root_ended', $5, $6, $7, $8, $9, $3, $3,
         0, 0, 0, 0, 0, 0, 0, 0, 0, 0, $10)
       returning tenant_id, event_id, revision, time)
     insert into aforo_store.rating_queue (tenant_id, event_id, revision, time, enqueued_at, not_before)
     select tenant_id, event_id, revision, time, $5, $5 from event`,
    [
      eventId,
      revision,
      time.toISOString(),
      Buffer.from(traceIdOf(event.traceNo), 'hex'),
      recordedAt.toISOString(),
      customer,
      product,
      agent,
      session,
      document,
    ],
  )
  return eventId
}

const LONG_AGO = '2020-01-01T00:00:00Z'

/** Stores the next version of a plan, effective from long ago or the instant given. */
export async function storePlan(
  pool: pg.Pool,
  planId: string,
  body: unknown,
  from = LONG_AGO,
): Promise<void> {
  const text = JSON.stringify(parsePlan(body))
  await pool.query(
    `insert into aforo_store.plan_versions
     select 'default', $1, coalesce(max(version), 0) + 1, $2::text::jsonb, md5($2::text), $3::timestamptz, $3::timestamptz
     from aforo_store.plan_versions where tenant_id = 'default' and plan_id = $1`,
    [planId, text, from],
  )
}

export async function storeCustomer(pool: pg.Pool, customer: string, planId?: string): Promise<void> {
  await pool.query(
    `insert into aforo_store.customers values ('default', $1, null, $2) on conflict do nothing`,
    [customer, LONG_AGO],
  )
  if (planId !== undefined) {
    await pool.query(
      `insert into aforo_store.subscriptions
         (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
       values ('default', $1, $2, $3, 'UTC', 1, $3)`,
      [customer, planId, LONG_AGO],
    )
  }
}

/** A row of the book 'override', as the API writes it. */
export async function storeOverride(
  pool: pg.Pool,
  row: { provider: string; model: string; meter: string; unitPrice: string; per?: string; from?: string },
): Promise<void> {
  const { from = LONG_AGO, ...said } = row
  const price = {
    tenantId: 'default',
    book: 'override',
    serviceTier: 'standard',
    region: '',
    currency: 'USD',
    per: '1',
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
    contextFrom: '0',
    contextInclusive: false,
    schedule: null,
    effectiveFrom: from,
    effectiveTo: null,
    derived: false,
    source: 'test',
    sourceDigest: null,
    ...said,
  }
  await transaction(pool, (client) => recordPriceRows(client, [price], new Date()))
}
