import type pg from 'pg'
import { microsOf } from '../../schema/instant.ts'
import type { ClaimedRevision } from '../claim.ts'
import { createPriceBook } from '../prices/book.ts'
import { createFindKeys } from '../prices/match.ts'
import { bundledCatalogue } from '../prices/seed.ts'
import { priceFrom, wantedKeys } from '../pricing.ts'
import type { AskableBackDatedPrice, BackDatedPrice } from './adjustments.ts'

/** Back-dated prices, in the order in which they were approved: of a proposal all the rows it put into the book. */
export async function readBackDated(client: pg.PoolClient): Promise<readonly BackDatedPrice[]> {
  const { rows } = await client.query<StoredBackDated>({
    name: 'back-dated-prices',
    text: `
      select proposal.proposal_id::text as "proposalId", decision.decided_by as approver, decision.reason,
        proposal.provider, proposal.model, decision.price_row_ids::text[] as ids,
        ${microsOf('min(row.effective_from)')} as "from", ${microsOf('max(row.effective_to)')} as "to",
        ${microsOf('decision.recorded_at')} as "recordedAt"
      from aforo_store.price_proposals proposal
      join aforo_store.price_decisions decision using (proposal_id)
      join aforo_store.price_rows row on row.price_row_id = any (decision.price_row_ids)
      where proposal.kind = 'back_dated' and decision.decision = 'approved'
      group by proposal.proposal_id, decision.proposal_id, decision.decision_no
      order by decision.recorded_at, proposal.proposal_id`,
  })
  return rows.map(({ ids, from, to, recordedAt, ...said }) => ({
    ...said,
    priceRowIds: new Set(ids),
    from: Number(from),
    to: to === null ? Number.POSITIVE_INFINITY : Number(to),
    recordedAt: Number(recordedAt),
  }))
}

interface StoredBackDated
  extends Pick<BackDatedPrice, 'proposalId' | 'approver' | 'reason' | 'provider' | 'model'> {
  readonly ids: readonly string[]
  readonly from: string
  readonly to: string | null
  readonly recordedAt: string
}

/** Reads the book for the models of events, to be asked what was known just after each back-dated price. */
export async function askBackDated(
  client: pg.PoolClient,
  events: readonly ClaimedRevision[],
  backDated: readonly BackDatedPrice[],
  now: Date,
): Promise<(tenantId: string) => readonly AskableBackDatedPrice[]> {
  const findKeys = createFindKeys(await bundledCatalogue())
  const wanted = wantedKeys(events, findKeys)
  const rowsFor = await createPriceBook().load(client, wanted, now, true)
  return (tenantId) =>
    backDated.map((price) => ({
      ...price,
      priceOf: priceFrom(tenantId, findKeys, rowsFor(tenantId), price.recordedAt),
    }))
}
