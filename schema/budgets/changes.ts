import type pg from 'pg'
import type { KillKind } from '../../core/decision.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterKey } from '../../core/lease.ts'
import { type KeyRow, keyOf, WINDOW_START } from './lease-rows.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** Counters, and kills, that one look tells of. */
const CHANGES_MAX = 5_000
/** Budgets with a new version that are told of one tenant. */
const BUDGETS_TOLD_MAX = 100

/** What of some tenants has changed since a look before. What was under way then may be told twice, never not at all. */
export interface Changes {
  /** To look from next time. */
  readonly since: string
  readonly counters: ReadonlyMap<TenantId, readonly CounterKey[]>
  readonly kills: readonly {
    readonly tenantId: TenantId
    readonly kind: KillKind
    readonly id: string
    readonly isKilled: boolean
  }[]
  /** Of tenants with new versions of budgets the ids of those that had another before: of a new one nothing is out. */
  readonly budgets: ReadonlyMap<TenantId, readonly string[] | 'many'>
  /** More has changed than one look tells: what is remembered of these tenants is to be read anew. */
  readonly isTooMuch: boolean
}

/** Where to look from, from now on. */
export async function readChangePoint(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ since: string }>(
    'select pg_snapshot_xmin(pg_current_snapshot())::text as since',
  )
  return rows[0]!.since
}

/** Looks what transactions have changed that were not over at the look before. */
export async function readChanges(
  client: Queryable,
  tenantIds: readonly TenantId[],
  since: string,
): Promise<Changes> {
  const { rows } = await client.query<ChangesRow>({
    name: 'budget-changes',
    text: CHANGES,
    values: [tenantIds, since],
  })
  const { since: next, counters, kills, budgets } = rows[0]!
  const keys = Map.groupBy(counters, (row) => row.tenant_id)
  return {
    since: next,
    counters: new Map([...keys].map(([tenantId, of]) => [tenantId, of.map(keyOf)])),
    kills: kills.map((row) => ({
      tenantId: row.tenant_id,
      kind: row.kind,
      id: row.id,
      isKilled: row.is_killed,
    })),
    budgets: new Map(
      budgets.map(({ tenant_id, ids }) => [tenant_id, ids.length > BUDGETS_TOLD_MAX ? 'many' : ids]),
    ),
    isTooMuch: counters.length > CHANGES_MAX || kills.length > CHANGES_MAX,
  }
}

interface ChangesRow {
  readonly since: string
  readonly counters: readonly (KeyRow & { readonly tenant_id: string })[]
  readonly kills: readonly {
    readonly tenant_id: string
    readonly kind: KillKind
    readonly id: string
    readonly is_killed: boolean
  }[]
  readonly budgets: readonly { readonly tenant_id: string; readonly ids: readonly string[] }[]
}

/** One statement, so that all of it is as of one instant. */
const CHANGES = `
  select pg_snapshot_xmin(pg_current_snapshot())::text as since,
    coalesce((select json_agg(changed) from (
      select tenant_id, budget_id, counting_version, subject, ${WINDOW_START} as window_start
      from aforo_store.budget_counters where changed_tx >= $2::text::xid8 and tenant_id = any($1)
      limit ${CHANGES_MAX + 1}) changed), '[]') as counters,
    coalesce((select json_agg(changed) from (
      select tenant_id, kind, id, bool_or(lifted_at is null) as is_killed
      from aforo_store.kills
      where (tenant_id, kind, id) in (
        select tenant_id, kind, id from aforo_store.kills
        where changed_tx >= $2::text::xid8 and tenant_id = any($1) limit ${CHANGES_MAX + 1})
      group by tenant_id, kind, id) changed), '[]') as kills,
    coalesce((select json_agg(changed) from (
      select tenant_id,
        coalesce((array_agg(distinct budget_id) filter (where version > 1))[:${BUDGETS_TOLD_MAX + 1}], '{}') as ids
      from aforo_store.budget_versions where changed_tx >= $2::text::xid8 and tenant_id = any($1)
      group by tenant_id) changed), '[]') as budgets`
