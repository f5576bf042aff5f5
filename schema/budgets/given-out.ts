import type pg from 'pg'
import { trimNumeric } from '../../core/money.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** What of all counters of a unit is given out, over all tenants. Amounts are decimal text in the unit. */
export interface GivenOut {
  readonly unit: string
  readonly leases: number
  readonly leased: string
  /** Takes that hold something, and how much. */
  readonly holds: number
  readonly held: string
  /** Takes of which more was used than was held, as long as holds are kept, and by how much. */
  readonly overHolds: number
  readonly over: string
}

/** Adds up what leases have and holds hold, by unit; a unit of which nothing is given out is left out. */
export async function readGivenOut(client: Queryable): Promise<readonly GivenOut[]> {
  const { rows } = await client.query<GivenOut>({ name: 'budget-given-out', text: GIVEN_OUT })
  return rows.map((row) => ({
    ...row,
    leased: trimNumeric(row.leased),
    held: trimNumeric(row.held),
    over: trimNumeric(row.over),
  }))
}

const GIVEN_OUT = `
  with leases as (
    select version.body ->> 'unit' as unit, count(*)::integer as leases, sum(lease.amount) as leased
    from aforo_store.budget_leases lease
    join aforo_store.budget_versions version on version.tenant_id = lease.tenant_id
      and version.budget_id = lease.budget_id and version.version = lease.counting_version
    group by 1
  ),
  holds as (
    select unit, count(*)::integer as holds, sum(held) as held
    from aforo_store.budget_hold_takes where held > 0 group by 1
  ),
  overs as (
    select unit, count(*)::integer as over_holds, sum(over) as over
    from aforo_store.budget_hold_takes where over > 0 group by 1
  )
  select unit, coalesce(leases, 0) as leases, coalesce(leased, 0)::text as leased, coalesce(holds, 0) as holds,
    coalesce(held, 0)::text as held, coalesce(over_holds, 0) as "overHolds", coalesce(over, 0)::text as over
  from leases full join holds using (unit) full join overs using (unit) order by unit`
