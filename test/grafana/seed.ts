import type pg from 'pg'

/**
 * Three events of the tenant `default` in the hour after `from` (one corrected by a second revision, one without a
 * customer on a model without a price) and one of another tenant; and of both an alert, a budget, credits and a draft of an
 * invoice.
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
  await adjustment(pool, minute(1))
  for (const [tenant, customer] of [
    ['default', 'acme'],
    ['other', 'rival'],
  ] as const) {
    const whose = { tenant, customer, at: minute(42) }
    await pool.query(
      'insert into aforo_store.customers (tenant_id, customer_id, recorded_at) values ($1, $2, $3)',
      [tenant, customer, whose.at],
    )
    await alerts(pool, whose)
    await budget(pool, whose)
    await credits(pool, whose)
    await draft(pool, whose)
  }
}

interface Whose {
  readonly tenant: string
  readonly customer: string
  readonly at: Date
}

/** A subject that was warned about and blocks now; another that is ok again. */
async function alerts(pool: pg.Pool, { tenant, customer, at }: Whose): Promise<void> {
  await pool.query(
    `insert into aforo_store.alerts (tenant_id, rule_id, alert_no, rule_version, kind, subject, about, customer_id, previous,
       state, reason, value, threshold, figures, recorded_at)
     values ($1, 'quotas', 1, 1, 'quota', 'a', '{"budget": "month"}', $2, 'ok', 'warn', 'observed', 0.9, 0.8, '{}', $3),
            ($1, 'quotas', 2, 1, 'quota', 'a', '{"budget": "month"}', $2, 'warn', 'block', 'observed', 1.2, 1, '{}', $3),
            ($1, 'quotas', 3, 1, 'quota', 'b', '{"budget": "day"}', $2, 'warn', 'ok', 'observed', 0.1, 0.8, '{}', $3)`,
    [tenant, customer, at],
  )
  await pool.query(
    `insert into aforo_store.alert_states (tenant_id, rule_id, subject, state, alert_no, since)
     values ($1, 'quotas', 'a', 'block', 2, $2)`,
    [tenant, at],
  )
}

/** A budget with a counter beyond its limit and one below. */
async function budget(pool: pg.Pool, { tenant, at }: Whose): Promise<void> {
  const body = { scope: { session: '*' }, unit: 'model_calls', limit: '10', window: 'lifetime', mode: 'hard' }
  await pool.query(
    `insert into aforo_store.budget_versions (tenant_id, budget_id, version, body, counting_version, recorded_at)
     values ($1, 'runaway', 1, $2, 1, $3)`,
    [tenant, body, at],
  )
  await pool.query(
    `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start, used)
     values ($1, 'runaway', 1, '["s1"]', '-infinity', 12), ($1, 'runaway', 1, '["s2"]', '-infinity', 3)`,
    [tenant],
  )
}

/** Ten granted; an event used thirteen, three of them beyond the grant, and gave one back of either. */
async function credits(pool: pg.Pool, { tenant, customer, at }: Whose): Promise<void> {
  const transactions = ['grant', 'usage', 'correction']
  for (const [i, kind] of transactions.entries()) {
    await pool.query(
      `insert into aforo_store.credit_transactions (tenant_id, customer_id, transaction_no, kind, idempotency_key, content_hash,
         effective_at, recorded_at)
       values ($1, $2, $3, $4, $4, '', $5, $5)`,
      [tenant, customer, i + 1, kind, at],
    )
  }
  const postings = [
    [1, 'issued', 'grant:1', '10', '10'],
    [2, 'grant:1', 'usage', '10', '0'],
    [2, 'overage', 'usage', '3', '0'],
    [3, 'usage', 'overage', '1', '0'],
    [3, 'usage', 'grant:1', '1', '1'],
  ] as const
  for (const [i, [transaction, source, destination, amount, balance]] of postings.entries()) {
    await pool.query(
      `insert into aforo_store.credit_postings (tenant_id, customer_id, entry_no, entry_id, transaction_no, source, destination,
         amount, balance, recorded_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [tenant, customer, i + 1, `ent_${i}`, transaction, source, destination, amount, balance, at],
    )
  }
}

async function draft(pool: pg.Pool, { tenant, customer, at }: Whose): Promise<void> {
  await pool.query(
    `insert into aforo_store.invoices (tenant_id, invoice_id, kind, status, customer_id, currency, period_from, period_to,
       amount_exact, subtotal, discount, tax, total, credits_applied, amount_due, document, recorded_at)
     values ($1, 'inv_1', 'invoice', 'draft', $2, 'USD', $3, $3::timestamptz + interval '1 hour', 0.1, 0.1, 0, 0, 0.1, 0, 0.1,
       '{}', $3)`,
    [tenant, customer, at],
  )
}

/** A back-dated price that made the first event dearer by 0.005. */
async function adjustment(pool: pg.Pool, at: Date): Promise<void> {
  const client = await pool.connect()
  try {
    // Without the catalogue, the import and the proposal that it would come of.
    await client.query("begin; set local session_replication_role = 'replica'")
    await client.query(
      `insert into aforo_store.cogs_adjustments (tenant_id, proposal_id, event_id, revision, time, customer_id, part, provider,
         model, meter, service_tier, old_price_row_id, old_unit_price, old_per, new_price_row_id, new_unit_price, new_per,
         currency, quantity, old_amount, new_amount, delta, approver, recorded_at)
       values ('default', 1, 'e1', 1, $1, 'acme', 'prompt', 'anthropic', 'claude-sonnet-4-5', 'input', 'standard', 1, 20, 1000000,
         2, 25, 1000000, 'USD', 1000, 0.02, 0.025, 0.005, 'finance', $1)`,
      [at],
    )
    await client.query('commit')
  } finally {
    client.release()
  }
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
     values ($1, $2, $3, $4, '\\x0102', 'root_ended', $4, $5, 'bot', 'triage', 's1', $4, $4, 1, $6, 1, 1, 1000, 200, 100, 300, 50, 0, '{}')`,
    [tenant, id, revision, at, customer, isPriced ? 0 : 1],
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
