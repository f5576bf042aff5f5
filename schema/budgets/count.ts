import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { movesOf, negated, type SpendEntry } from '../../core/spending.ts'
import { moveCounters } from './counters.ts'
import type { SpendTrace } from './lock.ts'
import { entriesOf, keysOf, type OpenSpend, writeOpenSpend } from './open-spend.ts'
import { budgetsOf, type TenantBudgets } from './shelf.ts'

/** What a trace counted for and what it counts for now, beyond what ratings hold of it. */
export interface OpenChange {
  readonly trace: SpendTrace
  readonly before: OpenSpend | null
  readonly after: OpenSpend | null
}

/** What an event was rated with, and is now. */
export interface RatedChange {
  readonly before: SpendEntry | null
  readonly after: SpendEntry
}

/**
 * Writes what traces count for, each told of once, and moves the counters by what changes. The caller shares the budgets
 * of the tenants (`shareBudgets`) and holds the traces (`lockTraces`).
 */
export async function countChanges(
  client: pg.ClientBase,
  budgets: ReadonlyMap<TenantId, TenantBudgets>,
  { open, rated }: { readonly open: readonly OpenChange[]; readonly rated: readonly RatedChange[] },
  now: Date,
): Promise<void> {
  const opened = open.filter(({ before, after }) => before !== null || after !== null)
  if (opened.length > 0) {
    await writeOpenSpend(
      client,
      opened.map(({ trace, after }) => ({ trace, open: after })),
      now,
    )
  }
  const entries = [
    ...opened.flatMap(({ before, after }) => [...entriesOf(before).map(takenBack), ...entriesOf(after)]),
    ...rated.flatMap(({ before, after }) => (before === null ? [after] : [takenBack(before), after])),
  ]
  await moveCounters(client, movesOf(entries, budgetsOf(budgets)), now)
}

function takenBack({ placement, spend }: SpendEntry): SpendEntry {
  return { placement, spend: negated(spend) }
}

/** Forgets what traces saw while they were open: what they saw when they were cut counts. */
export async function forgetSightings(client: pg.ClientBase, traces: readonly SpendTrace[]): Promise<void> {
  if (traces.length === 0) return
  await client.query({
    name: 'budgets_forget_sightings',
    text: `
      with settled as (
        select tenant_id, decode(trace_id, 'hex') as trace_id
        from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id)
      ),
      keys as (
        delete from aforo_store.open_sighting_keys key using settled
        where key.tenant_id = settled.tenant_id and key.trace_id = settled.trace_id
      )
      delete from aforo_store.open_sightings seen using settled
      where seen.tenant_id = settled.tenant_id and seen.trace_id = settled.trace_id`,
    values: keysOf(traces),
  })
}

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
