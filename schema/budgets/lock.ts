import type pg from 'pg'
import type { TenantId, TraceId } from '../../core/ids.ts'

/*
 * Four kinds of locks keep the counters of budgets equal to what was used, each held until the transaction ends, and
 * taken in this order, behind the counters of meters and the wallets:
 *   a tenant's budgets   shared by whoever counts, alone by who makes or ends a budget and fills it from history
 *   a tenant's counting  shared by whoever counts, alone by a rater that looks at open traces itself
 *   traces               by who changes what a trace counts for
 *   counters             rows of budget_counters, in the order of their key, after they were made
 */

type Client = Pick<pg.ClientBase, 'query'>

/** Numbers of the advisory locks: of traces, and of tenants whose open traces are looked at. */
const TRACE_LOCKS = 0x6274
const PROJECTION_LOCKS = 0x6275
/** Traces share this many locks: a transaction may hold no more than the server has room for. */
const TRACE_LOCK_SLOTS = 1_024

export interface SpendTrace {
  readonly tenantId: TenantId
  readonly traceId: TraceId
}

/** Who makes or ends a budget is waited for so long: to fill it from history takes seconds, and others wait for who waits. */
const SHARE_MS_MAX = 250

/**
 * Until the transaction ends, no budget of these tenants begins or ends. Any number may hold this at once.
 * @throws a fault that passes (`gaveWay`) where one of them is filled from history meanwhile: nothing is to be waited for
 */
export async function shareBudgets(client: Client, tenantIds: readonly TenantId[]): Promise<void> {
  await client.query(`set local lock_timeout = ${SHARE_MS_MAX}`)
  await client.query({
    name: 'budgets_share',
    text: `select pg_advisory_xact_lock_shared(${BUDGETS_LOCK}) from (${TENANTS} order by 1 offset 0) tenants`,
    values: [tenantIds],
  })
  await client.query('set local lock_timeout = default')
}

/** As `shareBudgets`, but only of tenants of whom no budget begins or ends now. Returns them. */
export async function tryShareBudgets(
  client: Client,
  tenantIds: readonly TenantId[],
): Promise<ReadonlySet<TenantId>> {
  const { rows } = await client.query<{ tenant_id: string }>({
    name: 'budgets_try_share',
    text: `select tenant_id from (
        select tenant_id, pg_try_advisory_xact_lock_shared(${BUDGETS_LOCK}) as shared
        from (${TENANTS}) tenants offset 0) tried
      where shared`,
    values: [tenantIds],
  })
  return new Set(rows.map((row) => row.tenant_id))
}

/** Of tenants those of whom a budget begins or ends just now. Nothing is held: it may be over, or begin, at once. */
export async function changingBudgets(
  client: Client,
  tenantIds: readonly TenantId[],
): Promise<readonly TenantId[]> {
  const { rows } = await client.query<{ tenant_id: string }>({
    name: 'budgets_changing',
    text: `select tenant_id from (
        select tenant_id, case when pg_try_advisory_lock_shared(${BUDGETS_LOCK})
          then pg_advisory_unlock_shared(${BUDGETS_LOCK}) else false end as is_free
        from (${TENANTS}) tenants offset 0) tried
      where not is_free`,
    values: [tenantIds],
  })
  return rows.map((row) => row.tenant_id)
}

const BUDGETS_LOCK = `hashtextextended('aforo budgets ' || tenant_id, 0)`
const TENANTS = 'select distinct tenant_id from unnest($1::text[]) as named (tenant_id)'

/** Until the transaction ends, nobody counts anything of the tenant. */
export async function lockBudgets(client: Client, tenantId: TenantId): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(hashtextextended('aforo budgets ' || $1, 0))`, [tenantId])
}

const COUNTING_LOCK = `hashtextextended('aforo counting ' || tenant_id, 0)`

/**
 * Until the transaction ends, nobody else counts anything of the tenants that are to be had alone; of the others any number
 * may. Nobody waits for long: it takes as long as it takes to rate a batch.
 */
export async function lockCounting(
  client: Client,
  tenantIds: readonly TenantId[],
  alone: ReadonlySet<TenantId>,
): Promise<void> {
  await client.query({
    name: 'budgets_lock_counting',
    text: `select case when tenant_id = any ($2::text[]) then pg_advisory_xact_lock(${COUNTING_LOCK})
        else pg_advisory_xact_lock_shared(${COUNTING_LOCK}) end
      from (${TENANTS} order by 1 offset 0) tenants`,
    values: [tenantIds, [...alone]],
  })
}

/** Until the transaction ends, nobody else changes what these traces count for. */
export async function lockTraces(client: Client, traces: readonly SpendTrace[]): Promise<void> {
  await client.query({
    name: 'budgets_lock_traces',
    text: `select pg_advisory_xact_lock(${TRACE_LOCKS}, slot) from (
        select distinct ${slotOf('name')} as slot from unnest($1::text[]) as trace (name) order by 1 offset 0) slots`,
    values: [traces.map(nameOf)],
  })
}

/** As `lockTraces`, but only those that are free. Returns them. */
export async function tryLockTraces<T extends SpendTrace>(
  client: Client,
  traces: readonly T[],
): Promise<readonly T[]> {
  if (traces.length === 0) return []
  const { rows } = await client.query<{ name: string }>({
    name: 'budgets_try_lock_traces',
    text: `select name from (
        select name, pg_try_advisory_xact_lock(${TRACE_LOCKS}, ${slotOf('name')}) as locked
        from unnest($1::text[]) as trace (name) offset 0) tried
      where locked`,
    values: [traces.map(nameOf)],
  })
  const locked = new Set(rows.map((row) => row.name))
  return traces.filter((trace) => locked.has(nameOf(trace)))
}

/**
 * Of tenants those whose open traces nobody else looks at, and that nobody counts alone (`lockCounting`): until the transaction ends, nobody does. What two traces tell
 * of one call is then decided by one alone.
 */
export async function tryProject(
  client: Client,
  tenantIds: readonly TenantId[],
): Promise<ReadonlySet<TenantId>> {
  const { rows } = await client.query<{ tenant_id: string }>({
    name: 'budgets_try_project',
    text: `select tenant_id from (
        select tenant_id, pg_try_advisory_xact_lock_shared(${COUNTING_LOCK})
          and pg_try_advisory_xact_lock(${PROJECTION_LOCKS}, hashtext(tenant_id)) as locked
        from (${TENANTS}) tenants offset 0) tried
      where locked`,
    values: [tenantIds],
  })
  return new Set(rows.map((row) => row.tenant_id))
}

function slotOf(name: string): string {
  return `hashtext(${name}) & ${TRACE_LOCK_SLOTS - 1}`
}

function nameOf({ tenantId, traceId }: SpendTrace): string {
  return `${tenantId} ${traceId}`
}
