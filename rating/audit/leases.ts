import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { askForGaps, countRows } from '../../schema/gap-query.ts'

/**
 * Compares what of each counter is given out with the leases and holds that have it, and looks for holds and leases that
 * hold on although they are over, and for kills that are two of one.
 */
export async function auditLeases(
  client: pg.PoolClient,
  { tenantId }: AuditScope,
  now: Date,
  report: AuditReport,
): Promise<void> {
  await countRows(client, 'budget_leases', countOf('budget_leases'), [tenantId], report)
  await askForGaps(client, { check: 'budget_leases', text: LEASED, values: [tenantId] }, report)
  await countRows(client, 'budget_holds', countOf('budget_holds'), [tenantId], report)
  await askForGaps(client, { check: 'budget_holds', text: HOLDS, values: [tenantId, now] }, report)
  await countRows(client, 'kills', countOf('kills'), [tenantId], report)
  await askForGaps(client, { check: 'kills', text: KILLS, values: [tenantId] }, report)
}

const countOf = (table: string) =>
  `select count(*)::text as count from aforo_store.${table} where $1::text is null or tenant_id = $1`

const KEY = 'tenant_id, budget_id, counting_version, subject, window_start'

const LEASED = `
  with given as (
    select ${KEY}, sum(amount) as amount from (
      select ${KEY}, amount from aforo_store.budget_leases where $1::text is null or tenant_id = $1
      union all
      select ${KEY}, held from aforo_store.budget_hold_takes where $1::text is null or tenant_id = $1) part
    group by ${KEY}
  )
  select 'budget counter' as kind, tenant_id,
    concat_ws('/', budget_id, subject, nullif(window_start, '-infinity')::text) as id,
    format('says %s is given out, and leases and holds have %s', trim_scale(coalesce(leased, 0)),
      trim_scale(coalesce(amount, 0))) as found
  from (select * from aforo_store.budget_counters where $1::text is null or tenant_id = $1) counter
  full join given using (${KEY})
  where coalesce(leased, 0) <> coalesce(amount, 0)`

/** Holds that are over end within a moment of their time: a minute is none. */
const HOLDS = `
  with hold as (
    select hold.*, coalesce(taken.held, 0) as held from aforo_store.budget_holds hold
    left join (
      select tenant_id, hold_id, sum(held) as held from aforo_store.budget_hold_takes group by tenant_id, hold_id
    ) taken using (tenant_id, hold_id)
    where $1::text is null or hold.tenant_id = $1
  )
  select 'hold' as kind, tenant_id, hold_id as id,
    case when holding <> (state = 'active' or held > 0) then format('is told to %s', case when holding then 'hold' else 'hold nothing' end)
      when state in ('released', 'expired') and held > 0 then format('is %s and holds %s', state, trim_scale(held))
      else 'holds beyond its time' end as found
  from hold
  where holding <> (state = 'active' or held > 0) or (state in ('released', 'expired') and held > 0)
    or (holding and expires_at < $2::timestamptz - interval '1 minute')
  union all
  select 'hold', take.tenant_id, take.hold_id, 'takes amounts, and is not there'
  from aforo_store.budget_hold_takes take
  left join aforo_store.budget_holds hold using (tenant_id, hold_id)
  where hold.hold_id is null and ($1::text is null or take.tenant_id = $1)`

const KILLS = `
  select 'kill' as kind, tenant_id, kind || ' ' || id as id,
    case when count(*) <> max(kill_no) then 'is not numbered without a gap' else 'is in force twice' end as found
  from aforo_store.kills
  where $1::text is null or tenant_id = $1
  group by tenant_id, kind, id
  having count(*) <> max(kill_no) or count(*) filter (where lifted_at is null) > 1`
