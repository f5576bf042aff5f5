import type pg from 'pg'
import type { BudgetVersion } from '../../core/budget.ts'
import { SCOPE_FIELDS } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import { firstSlot, movesOf, rollingOf } from '../../core/spending.ts'
import { pagesOf } from '../pages.ts'
import { MOVES_MAX, moveCounters } from './counters.ts'
import { AMOUNTS, COUNTS, entryOfRow, MONTH_START, PLACEMENT, type SpendRow } from './rated.ts'

/** It takes some 7 us an event: of a hundred million there is time for, which are read by one statement. */
const FILL_MS_MAX = 900_000

const COLUMN_OF = {
  customer: 'customer_id',
  product: 'product_id',
  agent: 'agent',
  session: 'session_id',
} as const

/**
 * Fills the counters of a budget from all that was rated and all that open traces count for. Nobody may count for the
 * tenant meanwhile (`lockBudgets`). What has left a rolling window is not read.
 */
export async function fillCounters(
  client: pg.PoolClient,
  tenantId: TenantId,
  version: BudgetVersion,
  now: Date,
): Promise<void> {
  const { text, values } = fillQuery(tenantId, version, now)
  await client.query(`set local statement_timeout = ${FILL_MS_MAX}`)
  for await (const rows of pagesOf<SpendRow>(client, text, values, MOVES_MAX)) {
    await moveCounters(
      client,
      movesOf(rows.map(entryOfRow), () => [version]),
      now,
    )
  }
}

/**
 * Usage summed up by what tells the counters apart: a row per counter and slot, not per event. What the budget does not
 * ask for is null, so that a row is the same whoever it was.
 */
function fillQuery(tenantId: TenantId, { budget }: BudgetVersion, now: Date) {
  const values: unknown[] = [tenantId]
  const conditions = ['true']
  const kept = new Set<string>(['trace', 'session'].includes(budget.window) ? [budget.window] : [])
  for (const field of SCOPE_FIELDS) {
    const wanted = budget.scope[field] ?? null
    if (wanted === null) continue
    kept.add(field)
    if (wanted === '*') continue
    values.push(wanted)
    conditions.push(`${COLUMN_OF[field]} = $${values.length}`)
  }
  const rolling = rollingOf(budget.window)
  if (rolling !== null) {
    values.push(new Date(firstSlot(rolling, now.getTime())).toISOString())
    conditions.push(`spent_at >= $${values.length}`)
  }
  const column = (field: string, name: string, type = 'text') =>
    kept.has(field) ? name : `null::${type} as ${name}`
  const isMonth = budget.window === 'month'
  const epoch = `timestamptz 'epoch'`
  return {
    values,
    text: `
      with rated as (
        select event_id, time, max(revision) as revision, coalesce(sum(price), 0) as price, sum(cogs) as cogs,
          coalesce(sum(credits), 0) as credits, (array_agg(period_start order by revision desc))[1] as period_start
        from aforo_store.ratings where tenant_id = $1
        group by event_id, time
      ),
      counts as (
        select event_id, time, ${COUNTS}
        from aforo_store.events e
        join rated using (event_id, time)
        where e.tenant_id = $1 and e.revision <= rated.revision
        group by event_id, time
      ),
      spent as (
        select trace_id, customer_id, product_id, agent, session_id, time, ${MONTH_START} as month_start,
          aforo_store.spent_at(time, ended_at, recorded_at) as spent_at, rated.price, rated.cogs, rated.credits,
          counts.tokens, counts.model_calls, counts.tool_calls, counts.reasoning_steps
        from rated
        join counts using (event_id, time)
        join aforo_store.events e using (event_id, time, revision)
        where e.tenant_id = $1
        union all
        select trace_id, customer_id, product_id, agent, session_id, time, month_start, spent_at, price, cogs, credits,
          tokens, model_calls, tool_calls, reasoning_steps
        from aforo_store.open_spend where tenant_id = $1
      ),
      told as (
        select ${column('trace', 'trace_id', 'bytea')}, ${column('customer', 'customer_id')},
          ${column('product', 'product_id')}, ${column('agent', 'agent')}, ${column('session', 'session_id')},
          ${isMonth ? `date_trunc('month', time at time zone 'UTC') at time zone 'UTC'` : epoch} as time,
          ${isMonth ? 'month_start' : epoch} as month_start, ${rolling === null ? epoch : 'spent_at'} as spent_at,
          price, cogs, credits, tokens, model_calls, tool_calls, reasoning_steps
        from spent where ${conditions.join(' and ')}
      ),
      summed as (
        select $1::text as tenant_id, trace_id, customer_id, product_id, agent, session_id, time, month_start, spent_at,
          sum(price) as price, sum(cogs) as cogs, sum(credits) as credits, sum(tokens) as tokens,
          sum(model_calls) as model_calls, sum(tool_calls) as tool_calls, sum(reasoning_steps) as reasoning_steps
        from told
        group by trace_id, customer_id, product_id, agent, session_id, time, month_start, spent_at
      )
      select ${AMOUNTS}, ${PLACEMENT} from summed`,
  }
}
