import type pg from 'pg'
import type { TenantId } from '../../../core/ids.ts'
import type { PriceNotice } from '../../../core/price-updates.ts'
import { cogsShares } from '../updates/cogs-share.ts'
import { NEAR_DAYS, type NoticedProposal, type NoticeFacts, noticesOf } from './notices.ts'
import { readBilled } from './read-bills.ts'

/** Rows of each kind that are read: what is open beyond it waits for its turn. */
const FOUND_MAX = 500

/** What a tenant, or with null whoever runs Aforo, should know about prices by now. */
export async function readNotices(
  client: pg.PoolClient,
  tenantId: TenantId | null,
  now: Date,
): Promise<readonly PriceNotice[]> {
  const at = now.toISOString()
  const read = async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = [at]) =>
    (await client.query<Row>(text, [...values])).rows
  const [snapshot] = await read<{ at: string | null }>(SNAPSHOT, [])
  return noticesOf({
    now: at,
    snapshotAt: snapshot?.at ?? null,
    proposals: [...(await read<NoticedProposal>(PROPOSALS)), ...(await read<NoticedProposal>(RELEASED))],
    upcoming: await read<NoticeFacts['upcoming'][number]>(UPCOMING),
    shares: await cogsShares(client, now, tenantId),
    drifts: await read<NoticeFacts['drifts'][number]>(DRIFTS, [tenantId]),
    ...(await readBilled(client, tenantId, now)),
  })
}

const iso = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const SNAPSHOT = `
  select ${iso('at')} as at
  from (select coalesce(
    (select max(recorded_at) from aforo_store.price_imports),
    (select max(recorded_at) from aforo_store.price_rows where book = 'catalogue')) as at) last`

const PROPOSALS = `
  select proposal.proposal_id::text as "proposalId", kind, provider, model, ${iso('proposal.recorded_at')} as "proposedAt",
    ${iso('decision.recorded_at')} as "takenAt",
    array(select change ->> 'ratio' from jsonb_array_elements(changes) as change where change ->> 'ratio' is not null) as ratios
  from aforo_store.price_proposals proposal
  left join aforo_store.price_decisions decision on decision.proposal_id = proposal.proposal_id and decision_no = 0
  where decision.proposal_id is null
    or (decision in ('accepted', 'approved') and decision.recorded_at > $1::timestamptz - interval '${NEAR_DAYS} days')
  order by proposal.proposal_id desc
  limit ${FOUND_MAX}`

/** Rows of the bundled catalogue that say otherwise than those they took the place of. */
const RELEASED = `
  with ended as materialized (
    select series, retracted_at, unit_price, per, effective_from, effective_to from aforo_store.price_rows
    where book = 'catalogue' and retracted_at > $1::timestamptz - interval '${NEAR_DAYS} days'
  ), begun as materialized (
    select * from aforo_store.price_rows
    where book = 'catalogue' and retracted_at is null and recorded_at in (select retracted_at from ended)
  )
  select null as "proposalId", 'change_by_release' as kind, begun.provider, begun.model,
    ${iso('begun.recorded_at')} as "proposedAt", ${iso('begun.recorded_at')} as "takenAt",
    coalesce(array_agg(distinct round(begun.unit_price * ended.per / (ended.unit_price * begun.per), 6)::text)
      filter (where ended.unit_price > 0), '{}') as ratios
  from begun
  join ended on ended.series = begun.series and ended.retracted_at = begun.recorded_at
    and tstzrange(ended.effective_from, ended.effective_to) && tstzrange(begun.effective_from, begun.effective_to)
  where begun.unit_price * ended.per <> ended.unit_price * begun.per
    and not exists (select from aforo_store.price_decisions where begun.price_row_id = any (price_row_ids))
  group by begun.provider, begun.model, begun.recorded_at
  order by begun.recorded_at desc, begun.provider, begun.model
  limit ${FOUND_MAX}`

/** Prices that begin, and names that begin to mean another model or end to mean one. */
const UPCOMING = `
  select provider, model, ${iso('at')} as at
  from (
    select provider, model, effective_from as at from aforo_store.price_rows
    where book = 'catalogue' and retracted_at is null
    union all
    select provider, alias, unnest(array[effective_from, effective_to]) from aforo_store.price_aliases
    where tenant_id = '' and retracted_at is null
  ) edge
  where at > $1 and at <= $1::timestamptz + interval '${NEAR_DAYS} days'
  group by provider, model, at
  order by at, provider, model
  limit ${FOUND_MAX}`

const DRIFTS = `
  select provider, model, count(distinct event_id)::integer as events, ${iso('min(recorded_at)')} as at
  from aforo_store.exceptions
  where kind = 'cost_drift' and resolved_at is null and ($1::text is null or tenant_id = $1)
  group by provider, model
  order by events desc, provider, model
  limit ${FOUND_MAX}`
