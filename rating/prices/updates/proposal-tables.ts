import type pg from 'pg'
import type { FieldFault } from '../../../core/errors.ts'
import { decimalText } from '../../../core/money.ts'
import type { PriceEffect, StoredChange } from '../../../core/price-updates.ts'
import { seriesOf } from '../list-price.ts'
import { FAULTS_MAX } from './catalogue-faults.ts'
import type { CatalogueText } from './catalogue-text.ts'
import type { JudgedChange } from './compare.ts'
import type { ProposalKind } from './diff.ts'
import { proposedOf } from './proposal-document.ts'
import type { SourceText } from './read-source.ts'

/** A proposal to write down. */
export interface NewProposal extends JudgedChange {
  readonly fingerprint: string
  readonly stored: readonly StoredChange[]
  readonly effects: readonly PriceEffect[]
}

/** Rows that the last complete file of a source had; null where there was none. */
export async function lastRowCount(client: pg.PoolClient, source: string): Promise<number | null> {
  const { rows } = await client.query<{ count: number }>(
    `select row_count as count from aforo_store.price_imports
     where source = $1 and is_complete order by import_id desc limit 1`,
    [source],
  )
  return rows[0]?.count ?? null
}

/** Writes that a catalogue was read, and what of it was refused. Returns the id of the import. */
export async function recordImport(
  client: pg.PoolClient,
  entry: {
    readonly source: SourceText
    readonly second: SourceText | null
    readonly catalogue: CatalogueText
    readonly refused: readonly FieldFault[]
    readonly now: Date
  },
): Promise<string> {
  const { source, second, catalogue, refused, now } = entry
  const { rows } = await client.query<{ id: string }>(
    `insert into aforo_store.price_imports
       (source, format, source_digest, second_source, second_digest, row_count, is_complete, flags, refused, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     returning import_id::text as id`,
    [
      source.name,
      catalogue.format,
      source.digest,
      second?.name,
      second?.digest,
      catalogue.own.length,
      catalogue.complete,
      JSON.stringify(catalogue.flags.slice(0, FAULTS_MAX)),
      JSON.stringify(refused.slice(0, FAULTS_MAX)),
      now.toISOString(),
    ],
  )
  return rows[0]!.id
}

/** @returns their ids, in the order given */
export async function addProposals(
  client: pg.PoolClient,
  importId: string,
  proposals: readonly NewProposal[],
  now: Date,
): Promise<readonly string[]> {
  if (proposals.length === 0) return []
  const { rows } = await client.query<{ id: string }>(
    `insert into aforo_store.price_proposals
       (import_id, kind, provider, model, fingerprint, changes, held, cogs_share, effects, recorded_at)
     select $1, kind, provider, model, fingerprint, changes, array(select jsonb_array_elements_text(held)), share, effects, $3
     from rows from (jsonb_to_recordset($2::jsonb) as (kind text, provider text, model text, fingerprint text, changes jsonb,
       held jsonb, share numeric, effects jsonb)) with ordinality
     order by ordinality
     returning proposal_id::text as id`,
    [
      importId,
      JSON.stringify(
        proposals.map(({ kind, provider, model, fingerprint, stored, held, share, effects }) => ({
          ...{ kind, provider, model, fingerprint, held, effects },
          changes: stored,
          share: decimalText(share.toDecimalPlaces(9)),
        })),
      ),
      now.toISOString(),
    ],
  )
  return rows.map((row) => row.id)
}

/** A proposal that nobody has decided. */
export interface OpenProposal {
  readonly proposalId: string
  readonly fingerprint: string
  /** The series that it changes. */
  readonly series: readonly string[]
}

/** Proposals of a source that nobody has decided. */
export async function openProposals(client: pg.PoolClient, source: string): Promise<readonly OpenProposal[]> {
  type Row = Omit<OpenProposal, 'series'> & Parameters<typeof proposedOf>[0]
  const { rows } = await client.query<Row>(
    `select proposal_id::text as "proposalId", fingerprint, kind, provider, model, changes
     from aforo_store.price_proposals proposal
     join aforo_store.price_imports import using (import_id)
     where import.source = $1
       and not exists (select from aforo_store.price_decisions decision where decision.proposal_id = proposal.proposal_id)`,
    [source],
  )
  return rows.map(({ proposalId, fingerprint, ...stored }) => ({
    proposalId,
    fingerprint,
    series: proposedOf(stored).changes.map(({ next, old }) => seriesOf((next ?? old)!)),
  }))
}

/** What a person has said no to, or has seen to be missing: it is not proposed again until something else was. */
export async function settledFingerprints(client: pg.PoolClient): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ fingerprint: string }>(
    `select fingerprint from (
       select distinct on (fingerprint) fingerprint, kind, decision
       from aforo_store.price_proposals
       join aforo_store.price_decisions using (proposal_id)
       where decision <> 'superseded'
       order by fingerprint, proposal_id desc, decision_no desc) last
     where decision in ('rejected', 'revoked') or (kind = 'upstream_missing' and decision = 'approved')`,
  )
  return new Set(rows.map((row) => row.fingerprint))
}

/** A decision to write down. */
export interface NewDecision {
  readonly proposalId: string
  readonly decision: 'accepted' | 'approved' | 'rejected' | 'superseded' | 'revoked'
  readonly by: string
  readonly reason: string | null
  readonly priceRowIds: readonly string[]
}

/** Writes decisions; a proposal has at most one, and one that revokes it. */
export async function recordDecisions(
  client: pg.PoolClient,
  decisions: readonly NewDecision[],
  at: Date,
): Promise<void> {
  if (decisions.length === 0) return
  await client.query(
    `insert into aforo_store.price_decisions
       (proposal_id, decision_no, decision, decided_by, reason, price_row_ids, recorded_at)
     select id, case when decision = 'revoked' then 1 else 0 end, decision, by, reason,
       array(select jsonb_array_elements_text(rows)::bigint), $2
     from jsonb_to_recordset($1::jsonb) as decided (id bigint, decision text, by text, reason text, rows jsonb)`,
    [
      JSON.stringify(
        decisions.map(({ proposalId: id, decision, by, reason, priceRowIds: rows }) => ({
          ...{ id, decision, by, reason, rows },
        })),
      ),
      at.toISOString(),
    ],
  )
}

/** A proposal with its newest decision. */
export interface StoredProposal {
  readonly proposalId: string
  readonly kind: ProposalKind
  readonly provider: string
  readonly model: string
  readonly changes: readonly StoredChange[]
  readonly sourceDigest: string
  readonly decision: NewDecision['decision'] | null
  readonly decidedAt: string | null
  readonly priceRowIds: readonly string[]
}

export async function readProposal(
  client: pg.PoolClient,
  proposalId: string,
): Promise<StoredProposal | undefined> {
  const { rows } = await client.query<StoredProposal>(
    `select proposal_id::text as "proposalId", kind, provider, model, changes, source_digest as "sourceDigest",
       decision, decision.recorded_at::text as "decidedAt", coalesce(price_row_ids, '{}')::text[] as "priceRowIds"
     from aforo_store.price_proposals proposal
     join aforo_store.price_imports using (import_id)
     left join lateral (
       select * from aforo_store.price_decisions decision where decision.proposal_id = proposal.proposal_id
       order by decision_no desc limit 1) decision using (proposal_id)
     where proposal_id = $1`,
    [proposalId],
  )
  return rows[0]
}
