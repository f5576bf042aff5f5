import type pg from 'pg'
import type { TenantId } from '../../../core/ids.ts'
import { trimNumeric } from '../../../core/money.ts'
import type { BillFilter, ReconciledBill, VendorBill } from '../../../core/vendor-bills.ts'
import { type CostOfModel, reconcile } from './reconcile.ts'

/** Bills that are compared at once. */
export const BILLS_LISTED_MAX = 1_000

/**
 * Keeps what providers charged. Of one provider, model and time the bill that was recorded last counts; one that says
 * what is known already is not recorded again.
 * @returns the ids of the bills, in their order
 */
export async function recordBills(
  client: pg.PoolClient,
  tenantId: TenantId,
  bills: readonly VendorBill[],
  now: Date,
): Promise<readonly string[]> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `aforo vendor bills ${tenantId}`,
  ])
  const columns = (['provider', 'model', 'from', 'to', 'usd', 'source'] as const).map((column) =>
    bills.map((bill) => bill[column]),
  )
  const { rows } = await client.query<{ id: string }>(
    `with told as (
       select * from unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::numeric[], $7::text[])
         with ordinality as bill (provider, model, period_from, period_to, usd, source, no)
     ), known as (
       select told.no, (
         select case when bill.usd = told.usd then bill_id end
         from aforo_store.vendor_bills bill
         where bill.tenant_id = $1 and bill.provider = told.provider and bill.model is not distinct from told.model
           and bill.period_from = told.period_from and bill.period_to = told.period_to
         order by bill_id desc limit 1) as bill_id
       from told
     ), written as (
       insert into aforo_store.vendor_bills (tenant_id, provider, model, period_from, period_to, usd, source, recorded_at)
       select $1, provider, model, period_from, period_to, usd, source, $8
       from told join known using (no) where known.bill_id is null
       order by no
       returning *
     )
     select coalesce(known.bill_id, written.bill_id)::text as id
     from told join known using (no)
     left join written on written.provider = told.provider and written.model is not distinct from told.model
       and written.period_from = told.period_from and written.period_to = told.period_to
     order by told.no`,
    [tenantId, ...columns, now.toISOString()],
  )
  return rows.map(({ id }) => id)
}

interface BillRow {
  readonly tenant: string
  readonly bill_id: string
  readonly provider: string
  readonly model: string | null
  readonly from: string
  readonly to: string
  readonly usd: string
  readonly source: string
  readonly recorded_at: string
  readonly costs: readonly CostOfModel[]
}

/**
 * The bills that count beside our COGS of their time, by time and provider. An event is of the time it began.
 * @param tenantId null: of everybody
 */
export async function readReconciled(
  client: pg.PoolClient,
  tenantId: TenantId | null,
  { provider, from, to }: BillFilter,
  ids: readonly string[] | null = null,
): Promise<readonly (ReconciledBill & { readonly tenant: string })[]> {
  const { rows } = await client.query<BillRow>(
    `with counting as (
       select distinct on (tenant_id, provider, model, period_from, period_to) *
       from aforo_store.vendor_bills
       where ($1::text is null or tenant_id = $1) and ($2::text is null or provider = $2)
         and ($3::timestamptz is null or period_to > $3) and ($4::timestamptz is null or period_from < $4)
         and ($5::bigint[] is null or bill_id = any ($5))
       order by tenant_id, provider, model, period_from, period_to, bill_id desc
     ), listed as (
       select * from counting order by period_from, provider, bill_id limit ${BILLS_LISTED_MAX}
     )
     select tenant_id as tenant, bill_id::text, provider, model, ${iso('period_from')} as "from", ${iso('period_to')} as "to",
       usd::text, source, ${iso('recorded_at')} as recorded_at, cost.costs
     from listed
     cross join lateral (
       select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'model', model, 'cogs', cogs::text,
         'unpricedCalls', unpriced)), '[]') as costs
       from (
         select provider, model, sum(cogs) as cogs, sum(unpriced) as unpriced
         from (
           select provider, model, cogs, unpriced_calls as unpriced from aforo_store.event_lines line
           where line.tenant_id = listed.tenant_id and time >= period_from and time < period_to
           union all
           select provider, model, delta, 0 from aforo_store.cogs_adjustments line
           where line.tenant_id = listed.tenant_id and time >= period_from and time < period_to
         ) line
         where provider is not null
         group by provider, model) by_model
     ) cost
     order by period_from, listed.provider, bill_id`,
    [tenantId, provider ?? null, from ?? null, to ?? null, ids],
  )
  return rows.map(({ costs, usd, ...bill }) => {
    const billed = { ...bill, usd: trimNumeric(usd) }
    return { ...billed, ...reconcile(billed, costs) }
  })
}

function iso(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}
