import type pg from 'pg'
import type { Spender } from '../../core/budget.ts'
import { KILL_KINDS, type KillKind } from '../../core/decision.ts'
import type { TenantId } from '../../core/ids.ts'
import { transaction } from '../pool.ts'

/** Somebody who is stopped. */
export interface Kill {
  readonly kind: KillKind
  readonly id: string
}

type Queryable = Pick<pg.ClientBase, 'query'>

/** Stops a session, an agent or a customer, until it is lifted. False: it was stopped already. */
export async function kill(
  pool: pg.Pool,
  tenantId: TenantId,
  { kind, id }: Kill,
  reason: string | null,
  now: Date,
): Promise<boolean> {
  return transaction(pool, (client) => stop(client, tenantId, { kind, id }, reason, now))
}

/** The same in the caller's transaction. */
export async function stop(
  client: Queryable,
  tenantId: TenantId,
  { kind, id }: Kill,
  reason: string | null,
  now: Date,
): Promise<boolean> {
  await lockOne(client, tenantId, { kind, id })
  const { rowCount } = await client.query(
    `insert into aforo_store.kills (tenant_id, kind, id, kill_no, reason, killed_at)
     select $1, $2, $3, count(*) + 1, $4, $5 from aforo_store.kills
     where tenant_id = $1 and kind = $2 and id = $3
     having count(*) filter (where lifted_at is null) = 0`,
    [tenantId, kind, id, reason, now.toISOString()],
  )
  return rowCount === 1
}

/** Lets it go on. False: it was not stopped. */
export async function lift(
  pool: pg.Pool,
  tenantId: TenantId,
  { kind, id }: Kill,
  now: Date,
): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update aforo_store.kills set lifted_at = greatest(killed_at, $4), changed_tx = pg_current_xact_id()
     where tenant_id = $1 and kind = $2 and id = $3 and lifted_at is null`,
    [tenantId, kind, id, now.toISOString()],
  )
  return rowCount === 1
}

/** Which of each spender's session, agent and customer are stopped, in the order of the spenders. */
export async function readKills(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly Spender[],
): Promise<readonly (readonly Kill[])[]> {
  const named = spenders.map((spender) =>
    KILL_KINDS.flatMap((kind): Kill[] => (spender[kind] === null ? [] : [{ kind, id: spender[kind] }])),
  )
  const asked = new Map(named.flat().map((kill) => [nameOf(kill), kill]))
  if (asked.size === 0) return named
  const kinds = [...asked.values()].map(({ kind }) => kind)
  const ids = [...asked.values()].map(({ id }) => id)
  const { rows } = await client.query<Kill>({
    name: 'budget-kills',
    text: `select kind, id from unnest($2::text[], $3::text[]) as asked (kind, id)
     cross join lateral (
       select from aforo_store.kills
       where tenant_id = $1 and kind = asked.kind and id = asked.id and lifted_at is null limit 1) stopped`,
    values: [tenantId, kinds, ids],
  })
  const stopped = new Set(rows.map(nameOf))
  return named.map((kills) => kills.filter((kill) => stopped.has(nameOf(kill))))
}

function nameOf({ kind, id }: Kill): string {
  return `${kind} ${id}`
}

/** Two that stop the same at once make one row. */
async function lockOne(client: Queryable, tenantId: TenantId, { kind, id }: Kill): Promise<void> {
  const name = `aforo kill ${tenantId} ${kind} ${id}`
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [name])
}
