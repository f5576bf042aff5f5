import type pg from 'pg'
import type { TenantId } from '../../../core/ids.ts'
import type { PriceNotice } from '../../../core/price-updates.ts'
import { cogsShares } from '../updates/cogs-share.ts'
import { NEAR_DAYS, type NoticedProposal, type NoticeFacts, noticesOf } from './notices.ts'

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
    proposals: await read<NoticedProposal>(PROPOSALS),
    upcoming: await read<NoticeFacts['upcoming'][number]>(UPCOMING),
    shares: await cogsShares(client, now, tenantId),
    drifts: await read<NoticeFacts['drifts'][number]>(DRIFTS, [tenantId]),
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

const UPCOMING = `
  select provider, model, ${iso('effective_from')} as at
  from aforo_store.price_rows
  where book = 'catalogue' and retracted_at is null and effective_from > $1
    and effective_from <= $1::timestamptz + interval '${NEAR_DAYS} days'
  group by provider, model, effective_from
  order by effective_from, provider, model
  limit ${FOUND_MAX}`

const DRIFTS = `
  select provider, model, count(distinct event_id)::integer as events, ${iso('min(recorded_at)')} as at
  from aforo_store.exceptions
  where kind = 'cost_drift' and resolved_at is null and ($1::text is null or tenant_id = $1)
  group by provider, model
  order by events desc, provider, model
  limit ${FOUND_MAX}`
