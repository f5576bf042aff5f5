import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { amountOf, type SpendEntry } from '../../core/spending.ts'

/** An event whose ratings are asked for. */
export interface RatedKey {
  readonly tenantId: TenantId
  readonly eventId: string
  /** Time of the event, as the database reads it. */
  readonly time: string
  /** Only revisions before this one. */
  readonly below: number
}

/** What the ratings of an event come to, under who it was at the last of them. */
export interface Rated extends SpendEntry {
  readonly revision: number
}

export const REVISION_MAX = 2_147_483_647

/** Reads what events were rated with, in the order of the keys; null for one that was not. */
export async function readRated(
  client: pg.ClientBase,
  keys: readonly RatedKey[],
): Promise<readonly (Rated | null)[]> {
  const found: (Rated | null)[] = keys.map(() => null)
  if (keys.length === 0) return found
  const { rows } = await client.query<SpendRow & { no: number; revision: number }>({
    name: 'budgets_rated',
    text: RATED,
    values: [
      keys.map((key) => key.tenantId),
      keys.map((key) => key.eventId),
      keys.map((key) => key.time),
      keys.map((key) => key.below),
    ],
  })
  for (const row of rows) found[row.no - 1] = { ...entryOfRow(row), revision: row.revision }
  return found
}

/** Amounts and placement of a row, under the names that `SpendRow` has. */
export const AMOUNTS = `price::text as price, cogs::text as cogs, credits::text as credits, tokens::text as tokens,
  model_calls::text as model_calls, tool_calls::text as tool_calls, reasoning_steps::text as reasoning_steps`
export const PLACEMENT = `tenant_id, encode(trace_id, 'hex') as trace_id, customer_id, product_id, agent, session_id,
  floor(extract(epoch from time) * 1000)::text as time, (extract(epoch from month_start) * 1000)::bigint::text as month_start,
  (extract(epoch from spent_at) * 1000)::bigint::text as spent_at`

/** What the counts of an event are added up to. */
export const COUNTS = `sum(input_tokens + output_tokens + embedding_tokens) as tokens, sum(model_calls) as model_calls,
  sum(tool_calls) as tool_calls, sum(reasoning_steps) as reasoning_steps`
export const MONTH_START = `coalesce(period_start, date_trunc('month', time at time zone 'UTC') at time zone 'UTC')`

// Event by event through the keys of the tables, whatever the planner believes of their size.
const RATED = `
  with rated as (
    select key.no::integer as no, key.tenant_id, key.event_id, key.time, rating.*
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[])
      with ordinality as key (tenant_id, event_id, time, below, no)
    cross join lateral (
      select max(revision) as revision, coalesce(sum(price), 0) as price, sum(cogs) as cogs,
        coalesce(sum(credits), 0) as credits, (array_agg(period_start order by revision desc))[1] as period_start
      from aforo_store.ratings r
      where r.tenant_id = key.tenant_id and r.event_id = key.event_id and r.time = key.time
        and r.revision < key.below) rating
    where rating.revision is not null
  ),
  counted as (
    select rated.*, used.*, newest.*, ${MONTH_START} as month_start
    from rated
    cross join lateral (
      select ${COUNTS} from aforo_store.events e
      where e.tenant_id = rated.tenant_id and e.event_id = rated.event_id and e.time = rated.time
        and e.revision <= rated.revision) used
    cross join lateral (
      select trace_id, customer_id, product_id, agent, session_id,
        aforo_store.spent_at(time, ended_at, recorded_at) as spent_at
      from aforo_store.events e
      where e.tenant_id = rated.tenant_id and e.event_id = rated.event_id and e.time = rated.time
        and e.revision = rated.revision limit 1) newest
  )
  select no, revision, ${AMOUNTS}, ${PLACEMENT} from counted`

export interface SpendRow {
  readonly tenant_id: string
  readonly trace_id: string | null
  readonly customer_id: string | null
  readonly product_id: string | null
  readonly agent: string | null
  readonly session_id: string | null
  readonly time: string
  readonly month_start: string
  readonly spent_at: string
  readonly price: string
  readonly cogs: string
  readonly credits: string
  readonly tokens: string
  readonly model_calls: string
  readonly tool_calls: string
  readonly reasoning_steps: string
}

export function entryOfRow(row: SpendRow): SpendEntry {
  return {
    placement: {
      tenantId: row.tenant_id,
      spender: {
        customer: row.customer_id,
        product: row.product_id,
        agent: row.agent,
        session: row.session_id,
        trace: row.trace_id,
      },
      time: Number(row.time),
      monthStart: Number(row.month_start),
      spentAt: Number(row.spent_at),
    },
    spend: {
      price: amountOf(row.price),
      cogs: amountOf(row.cogs),
      credits: amountOf(row.credits),
      tokens: amountOf(row.tokens),
      modelCalls: amountOf(row.model_calls),
      toolCalls: amountOf(row.tool_calls),
      reasoningSteps: amountOf(row.reasoning_steps),
    },
  }
}
