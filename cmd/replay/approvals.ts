import type pg from 'pg'
import { adjustBooked } from '../../rating/prices/updates/decide.ts'
import { transaction } from '../../schema/pool.ts'

/** Selects every instant at which a back-dated price was approved, in order, as microseconds since 1970. */
export const APPROVAL_INSTANTS = `
  select distinct (extract(epoch from decision.recorded_at) * 1000000)::bigint::text as at
  from aforo_store.price_decisions decision join aforo_store.price_proposals proposal using (proposal_id)
  where proposal.kind = 'back_dated' and decision.decision = 'approved'
  order by 1`

/** Adjusts costs by the back-dated prices that were approved at an instant; the decisions are there already. */
export async function replayApprovals(target: pg.Pool, at: Date): Promise<void> {
  const { rows } = await target.query<{ id: string }>(
    `select proposal_id::text as id
     from aforo_store.price_decisions join aforo_store.price_proposals using (proposal_id)
     where kind = 'back_dated' and decision = 'approved' and price_decisions.recorded_at = $1
     order by proposal_id`,
    [at.toISOString()],
  )
  for (const { id } of rows) await transaction(target, (client) => adjustBooked(client, id, at))
}
