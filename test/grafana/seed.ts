import type pg from 'pg'

/**
 * Three events of the tenant `default` in the hour after `from` (one corrected by a second revision, one without a
 * customer on a model without a price) and one of another tenant.
 */
export async function seed(pool: pg.Pool, from: Date): Promise<void> {
  const minute = (n: number) => new Date(from.getTime() + n * 60_000)
  await event(pool, {
    tenant: 'default',
    id: 'e1',
    at: minute(1),
    customer: 'acme',
    price: '0.06',
    cogs: '0.03',
  })
  await event(pool, {
    tenant: 'default',
    id: 'e1',
    at: minute(1),
    customer: 'acme',
    revision: 1,
    price: '0.01',
    cogs: '-0.01',
  })
  await event(pool, {
    tenant: 'default',
    id: 'e2',
    at: minute(20),
    customer: 'acme',
    price: '0.03',
    cogs: '0.02',
  })
  await event(pool, { tenant: 'default', id: 'e3', at: minute(40), customer: null, price: null, cogs: '0' })
  await event(pool, { tenant: 'other', id: 'e4', at: minute(2), customer: 'rival', price: '99', cogs: '98' })
  await pool.query(
    `insert into aforo_store.exceptions (tenant_id, exception_id, kind, event_id, trace_id, model, reason, recorded_at, resolved_at)
     values ('default', 'x1', 'unpriced', 'e3', '\\x01', 'model-of-tomorrow', 'no_price_row', $1, null),
            ('default', 'x2', 'unpriced', 'e2', '\\x02', 'claude-sonnet-4-5', 'no_price_row', $1, $1),
            ('other', 'x3', 'unpriced', 'e4', '\\x03', 'claude-sonnet-4-5', 'no_price_row', $1, null)`,
    [minute(41)],
  )
}

interface SeedEvent {
  readonly tenant: string
  readonly id: string
  readonly at: Date
  readonly customer: string | null
  readonly revision?: number
  /** Null: without a customer it has no price, and here no known cost either. */
  readonly price: string | null
  readonly cogs: string
}

async function event(
  pool: pg.Pool,
  { tenant, id, at, customer, revision = 0, price, cogs }: SeedEvent,
): Promise<void> {
  const isPriced = price !== null
  await pool.query(
    `insert into aforo_store.events (tenant_id, event_id, revision, time, trace_id, cut_reason, recorded_at, customer_id,
       product_id, agent, session_id, started_at, ended_at, model_calls, unmetered_calls, tool_calls, reasoning_steps,
       input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, embedding_tokens, assembly)
     values ($1, $2, $3, $4, '\\x0102', 'root_ended', $4, $5, 'bot', 'triage', 's1', $4, $4, 1, 0, 1, 1, 1000, 200, 100, 300, 50, 0, '{}')`,
    [tenant, id, revision, at, customer],
  )
  await pool.query(
    `insert into aforo_store.ratings (tenant_id, event_id, revision, time, rated_at, status, unpriced, customer_id, currency, cogs, price)
     values ($1, $2, $3, $4, $4, $5, $6, $7, 'USD', $8, $9)`,
    [tenant, id, revision, at, isPriced ? 'rated' : 'unattributed', !isPriced, customer, cogs, price],
  )
  await pool.query(
    `insert into aforo_store.event_lines (tenant_id, event_id, revision, line_no, time, customer_id, product_id, agent, part,
       provider, model, unit, quantity, calls, unpriced_calls, cogs, price)
     values ($1, $2, $3, 0, $4, $5, 'bot', 'triage', 'prompt', 'anthropic', $6, 'token', 1000, 1, $7, $8, coalesce($9::numeric, 0))`,
    [
      tenant,
      id,
      revision,
      at,
      customer,
      isPriced ? 'claude-sonnet-4-5' : 'model-of-tomorrow',
      isPriced ? 0 : 1,
      cogs,
      price,
    ],
  )
}
