import type pg from 'pg'
import { shareFacts } from '../schema/facts-lock.ts'
import type { ClaimedRevision } from './claim.ts'
import { readMaterial } from './material.ts'
import type { PlanShelf } from './plans/plan-shelf.ts'
import type { Pricing } from './pricing.ts'
import { isUnpriced, type PreparedEvent, prepareEvent } from './rate-event.ts'

/** What the preparation reads from, kept from batch to batch. */
export interface Sources {
  readonly shelf: PlanShelf
  readonly pricing: Pricing
}

/**
 * Costs a batch and finds what to charge. Events that want a fact (a price, a customer) are looked at once more, on
 * what is committed by then, under the lock that lets no fact slip by before they are listed.
 */
export async function prepareBatch(
  client: pg.PoolClient,
  sources: Sources,
  claimed: readonly ClaimedRevision[],
  now: Date,
): Promise<readonly PreparedEvent[]> {
  const first = await prepareOnce(client, sources, claimed, now)
  const wanting = first.filter(wantsFact).map(({ event }) => event)
  if (wanting.length === 0) return first
  await shareFacts(
    client,
    wanting.map((event) => event.tenantId),
  )
  const again = await prepareOnce(client, sources, wanting, now, true)
  const second = new Map(again.map((prepared) => [prepared.event, prepared]))
  return first.map((prepared) => second.get(prepared.event) ?? prepared)
}

/** Costs events and finds what to charge, by what is committed; from prices read now where `fresh` is asked for. */
export async function prepareOnce(
  client: pg.PoolClient,
  { shelf, pricing }: Sources,
  events: readonly ClaimedRevision[],
  now: Date,
  fresh = false,
): Promise<readonly PreparedEvent[]> {
  const materials = await readMaterial(client, shelf, events)
  const pricesFor = await pricing.forEvents(client, events, now, fresh)
  return materials.map((material) => prepareEvent(material, pricesFor(material.event)))
}

function wantsFact({ attribution, costs, wantsRate }: PreparedEvent): boolean {
  return typeof attribution === 'string' || isUnpriced(costs) || wantsRate !== null
}
