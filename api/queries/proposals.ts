import type pg from 'pg'
import type { PriceEffect, StoredChange } from '../../core/price-updates.ts'

/** A proposal with its import and its newest decision. Times as the database writes them. */
export interface ListedProposal {
  readonly proposalId: string
  readonly kind: string
  readonly provider: string
  readonly model: string
  readonly changes: readonly StoredChange[]
  readonly held: readonly string[]
  readonly cogsShare: string
  readonly effects: readonly PriceEffect[]
  readonly recordedAt: string
  readonly importId: string
  readonly source: string
  readonly sourceDigest: string
  readonly secondSource: string | null
  /** Null: it is open. */
  readonly decision: string | null
  readonly decidedBy: string | null
  readonly reason: string | null
  readonly decidedAt: string | null
  readonly priceRowIds: readonly string[]
}

export const PROPOSAL_STATES = ['open', 'decided', 'all'] as const

/** Proposals in a state, the newest first. */
export async function listProposals(
  client: pg.PoolClient,
  query: {
    readonly state: (typeof PROPOSAL_STATES)[number]
    readonly provider?: string | undefined
    readonly model?: string | undefined
    /** The id of the last one seen. */
    readonly after: string | null
    readonly rows: number
  },
): Promise<ListedProposal[]> {
  const { rows } = await client.query<ListedProposal>(
    `${SELECT}
     where ($1 = 'all' or (decision.decision is null) = ($1 = 'open'))
       and ($2::text is null or proposal.provider = $2) and ($3::text is null or proposal.model = $3)
       and ($4::bigint is null or proposal.proposal_id < $4)
     order by proposal.proposal_id desc
     limit $5`,
    [query.state, query.provider, query.model, query.after, query.rows],
  )
  return rows
}

export async function readListedProposal(
  client: pg.PoolClient,
  proposalId: string,
): Promise<ListedProposal | undefined> {
  const { rows } = await client.query<ListedProposal>(`${SELECT} where proposal.proposal_id = $1`, [
    proposalId,
  ])
  return rows[0]
}

const SELECT = `
  select proposal.proposal_id::text as "proposalId", proposal.kind, proposal.provider, proposal.model, proposal.changes,
    proposal.held, trim_scale(proposal.cogs_share)::text as "cogsShare", proposal.effects,
    proposal.recorded_at as "recordedAt", import.import_id::text as "importId", import.source,
    import.source_digest as "sourceDigest", import.second_source as "secondSource", decision.decision,
    decision.decided_by as "decidedBy", decision.reason, decision.recorded_at as "decidedAt",
    coalesce(decision.price_row_ids, '{}')::text[] as "priceRowIds"
  from aforo_store.price_proposals proposal
  join aforo_store.price_imports import using (import_id)
  left join lateral (
    select * from aforo_store.price_decisions decided where decided.proposal_id = proposal.proposal_id
    order by decision_no desc limit 1) decision on true`
