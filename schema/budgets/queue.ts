import type pg from 'pg'
import type { SpendTrace } from './lock.ts'
import { keysOf } from './open-spend.ts'

/** Traces that wait to be looked at: what they count for is not, or no longer, what is known of them. */

/** Has traces looked at again, from an instant on, or at once. */
export async function queueTraces(
  client: pg.ClientBase,
  traces: readonly SpendTrace[],
  notBefore: Date | null = null,
): Promise<void> {
  if (traces.length === 0) return
  await client.query({
    name: 'budgets_queue',
    text: `insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
      select tenant_id, decode(trace_id, 'hex'), coalesce($3::timestamptz, '-infinity')
      from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id)`,
    values: [...keysOf(traces), notBefore],
  })
}

/** As `queueTraces`, but only those of tenants with budgets. */
export async function queueBudgeted(client: pg.ClientBase, traces: readonly SpendTrace[]): Promise<void> {
  if (traces.length === 0) return
  await client.query({
    name: 'budgets_queue_budgeted',
    text: `insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
      select tenant_id, decode(trace_id, 'hex'), '-infinity'
      from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id)
      where tenant_id in (select tenant_id from aforo_store.budget_tenants)`,
    values: keysOf(traces),
  })
}

/** Of traces those that wait, from whatever instant on. */
export async function readQueued<T extends SpendTrace>(
  client: pg.ClientBase,
  traces: readonly T[],
): Promise<readonly T[]> {
  if (traces.length === 0) return []
  const { rows } = await client.query<{ no: number }>({
    name: 'budgets_queued',
    text: `select no::integer as no
      from unnest($1::text[], $2::text[]) with ordinality as key (tenant_id, trace_id, no)
      cross join lateral (
        select from aforo_store.spend_queue queued
        where queued.tenant_id = key.tenant_id and queued.trace_id = decode(key.trace_id, 'hex') limit 1) waiting
      order by no`,
    values: keysOf(traces),
  })
  return rows.map(({ no }) => traces[no - 1]!)
}

/**
 * Takes traces off the queue that were looked at by somebody else than who claims them there. What is claimed just now stays:
 * to look once more does no harm.
 */
export async function unqueueTraces(client: pg.ClientBase, traces: readonly SpendTrace[]): Promise<void> {
  if (traces.length === 0) return
  await client.query({
    name: 'budgets_unqueue',
    text: `delete from aforo_store.spend_queue where queue_id in (
      select waiting.queue_id
      from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id)
      cross join lateral (
        select queue_id from aforo_store.spend_queue queued
        where queued.tenant_id = key.tenant_id and queued.trace_id = decode(key.trace_id, 'hex')
        for update skip locked) waiting)`,
    values: keysOf(traces),
  })
}
