import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { HoldUse } from '../../core/open-trace.ts'
import { type CounterMove, movesOf, negated, type SpendEntry } from '../../core/spending.ts'
import { keyOfMove, moveCounters } from './counters.ts'
import { endHolds } from './holds.ts'
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

/** What changes of a batch of traces and events, each told of once. */
export interface CountChanges {
  readonly open: readonly OpenChange[]
  readonly rated: readonly RatedChange[]
  /** What the spans of such traces tell of holds, by tenant. */
  readonly holds: ReadonlyMap<TenantId, readonly HoldUse[]>
}

/**
 * Writes what traces count for, moves the counters by what changes, and ends the holds of spans that are counted by that. The
 * caller shares the budgets of the tenants (`shareBudgets`), counts (`lockCounting`) and holds the traces (`lockTraces`).
 *
 * @throws a fault that passes (`gaveWay`) where a hold is told of in the same moment
 */
export async function countChanges(
  client: pg.ClientBase,
  budgets: ReadonlyMap<TenantId, TenantBudgets>,
  { open, rated, holds }: CountChanges,
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
  await moveAndEnd(client, movesOf(entries, budgetsOf(budgets)), holds, now)
}

/**
 * Counters of what moves and counters of holds are locked together, in the order of their keys, tenant by tenant: holds come
 * behind all of them.
 */
async function moveAndEnd(
  client: pg.ClientBase,
  moves: readonly CounterMove[],
  holds: CountChanges['holds'],
  now: Date,
): Promise<void> {
  const told = [...holds].filter(([, uses]) => uses.length > 0)
  if (told.length === 0) return moveCounters(client, moves, now)
  const movesOfTenant = Map.groupBy(moves, ({ tenantId }) => tenantId)
  const tenants = [...new Set([...movesOfTenant.keys(), ...told.map(([tenantId]) => tenantId)])]
  for (const tenantId of await inOrder(client, tenants)) {
    const own = movesOfTenant.get(tenantId) ?? []
    // Before the counters are moved: who ends holds locks what is moved with what they hold.
    await endHolds(client, tenantId, holds.get(tenantId) ?? [], now, own.map(keyOfMove))
    await moveCounters(client, own, now)
  }
}

/** As the database sorts them, and so everybody who locks counters of several at once. */
async function inOrder(client: pg.ClientBase, tenants: readonly TenantId[]): Promise<readonly TenantId[]> {
  if (tenants.length === 1) return tenants
  const { rows } = await client.query<{ tenant_id: string }>({
    name: 'budgets_tenants_in_order',
    text: 'select tenant_id from unnest($1::text[]) as named (tenant_id) order by 1',
    values: [tenants],
  })
  return rows.map((row) => row.tenant_id)
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
