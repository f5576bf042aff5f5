import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { DEFAULT_TENANT } from '../../core/ids.ts'
import { askForGaps } from '../../schema/gap-query.ts'
import { pagesOf } from '../../schema/pages.ts'
import { fingerprintOf, proposedOf } from '../prices/updates/proposal-document.ts'

const PAGE_PROPOSALS = 200

/** Looks at what catalogues proposed and what came of it; of the adjustments at what each says by itself. */
export async function auditProposals(
  client: pg.PoolClient,
  { tenantId, from, to }: AuditScope,
  report: AuditReport,
): Promise<void> {
  const values = [tenantId, from, to]
  await askForGaps(client, { check: 'cogs_adjustments', text: ENTRIES, values }, report)
  // The catalogue is everybody's: whoever looks at one tenant alone does not look at it.
  if (tenantId !== null && tenantId !== DEFAULT_TENANT) return
  await askForGaps(client, { check: 'proposals', text: TAKEN_IN, values: [] }, report)
  const proposals = pagesOf<{ id: string; fingerprint: string } & Parameters<typeof proposedOf>[0]>(
    client,
    `select proposal_id::text as id, fingerprint, kind, provider, model, changes
     from aforo_store.price_proposals order by proposal_id`,
    [],
    PAGE_PROPOSALS,
  )
  for await (const page of proposals) {
    report.count('proposals', page.length)
    for (const { id, fingerprint, ...stored } of page) {
      if (fingerprintOf(proposedOf(stored)) === fingerprint) continue
      const found = 'says something else than what its fingerprint was taken of'
      report.gap('proposals', { kind: 'proposal', tenantId: DEFAULT_TENANT, id, found })
    }
  }
}

/** Each entry by itself: it is of a revision, names a decision, and its prices are those of its rows. */
const ENTRIES = `
  select 'adjustment' as kind, entry.tenant_id, entry.adjustment_id::text as id,
    case when decision.proposal_id is null then format('is booked by proposal %s, which nobody approved', entry.proposal_id)
      when event.event_id is null then format('is of %s#%s at %s, which is not there', entry.event_id, entry.revision, entry.time)
      else 'names a row or an approver that its decision does not' end as found
  from aforo_store.cogs_adjustments entry
  left join aforo_store.price_decisions decision
    on decision.proposal_id = entry.proposal_id and decision.decision = 'approved'
  left join aforo_store.events event on event.tenant_id = entry.tenant_id and event.event_id = entry.event_id
    and event.revision = entry.revision and event.time = entry.time
  left join aforo_store.price_rows old on old.price_row_id = entry.old_price_row_id
  left join aforo_store.price_rows new on new.price_row_id = entry.new_price_row_id
  where ($1::text is null or entry.tenant_id = $1) and entry.time >= $2::timestamptz and entry.time < $3::timestamptz
    and (decision.proposal_id is null or event.event_id is null or new.price_row_id is null or old.price_row_id is null
      or not entry.new_price_row_id = any (decision.price_row_ids)
      or (entry.old_unit_price, entry.old_per, entry.currency) is distinct from (old.unit_price, old.per, old.currency)
      or (entry.new_unit_price, entry.new_per, entry.currency) is distinct from (new.unit_price, new.per, new.currency)
      or (entry.approver, entry.reason) is distinct from (decision.decided_by, decision.reason))`

/** What was taken in is in the book: rows of the proposal's model, of the digest of its source. */
const TAKEN_IN = `
  select 'proposal' as kind, '${DEFAULT_TENANT}' as tenant_id, proposal.proposal_id::text as id,
    format('put row %s into the book, which is not there, not of its model, or of another source', taken.price_row_id) as found
  from aforo_store.price_decisions decision
  join aforo_store.price_proposals proposal using (proposal_id)
  join aforo_store.price_imports import using (import_id)
  cross join lateral unnest(decision.price_row_ids) as taken (price_row_id)
  left join aforo_store.price_rows row on row.price_row_id = taken.price_row_id
  where (row.provider, row.model, row.source_digest, row.book)
    is distinct from (proposal.provider, proposal.model, import.source_digest, 'catalogue')
  union all
  select 'proposal', '${DEFAULT_TENANT}', proposal.proposal_id::text, 'was held and is accepted by itself, or the other way round'
  from aforo_store.price_proposals proposal
  left join aforo_store.price_decisions decision on decision.proposal_id = proposal.proposal_id and decision_no = 0
  where (proposal.held = '{}') <> (coalesce(decision.decision, '') = 'accepted')`
