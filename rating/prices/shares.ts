import type pg from 'pg'
import { Decimal } from '../../core/money.ts'
import type { UsedPrice } from '../costs/cost.ts'
import { nameOf } from '../name.ts'
import type { ModelKey } from './match.ts'

/** The share that an event has of what a window cost, for a meter of a model; null where it has none. */
export type ShareOf = (keys: readonly ModelKey[], meter: string, serviceTier: string) => UsedPrice | null

export const NO_SHARES: ShareOf = () => null

/** The meter of a price row that says what a window cost, for how many tokens. No quantity of a call is of it. */
export const ALLOCATED = 'allocated'

interface NamedEvent {
  readonly tenantId: string
  readonly eventId: string
}

/** Reads the shares of events as their windows were spread last. */
export async function readShares(
  client: pg.ClientBase,
  events: readonly NamedEvent[],
): Promise<(event: NamedEvent) => ShareOf> {
  if (events.length === 0) return () => NO_SHARES
  const { rows } = await client.query<ShareRow>({
    name: 'allocation-shares',
    text: `select share.tenant_id, share.event_id, share.meter, share.service_tier, share.quantity::text as quantity,
         share.amount::text as amount, row.price_row_id::text as price_row_id, row.provider, row.model,
         row.unit_price::text as unit_price, row.per::text as per
       from unnest($1::text[], $2::text[]) as event (tenant_id, event_id)
       join aforo_store.allocation_shares share using (tenant_id, event_id)
       join aforo_store.price_rows row using (price_row_id)
       where row.retracted_at is null`,
    values: [events.map((event) => event.tenantId), events.map((event) => event.eventId)],
  })
  const shares = new Map(
    rows.map((row) => [
      nameOf(row.tenant_id, row.event_id, row.provider, row.model, row.meter, row.service_tier),
      sharePrice(row),
    ]),
  )
  return ({ tenantId, eventId }) =>
    (keys, meter, serviceTier) => {
      for (const { provider, model } of keys) {
        const share = shares.get(nameOf(tenantId, eventId, provider, model, meter, serviceTier))
        if (share) return share
      }
      return null
    }
}

interface ShareRow {
  readonly tenant_id: string
  readonly event_id: string
  readonly meter: string
  readonly service_tier: string
  readonly quantity: string
  readonly amount: string
  readonly price_row_id: string
  readonly provider: string
  readonly model: string
  readonly unit_price: string
  readonly per: string
}

function sharePrice(row: ShareRow): UsedPrice {
  return {
    priceRowId: row.price_row_id,
    unitPrice: new Decimal(row.unit_price),
    per: new Decimal(row.per),
    currency: 'USD',
    contextFrom: 0,
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
    share: { quantity: new Decimal(row.quantity), amount: new Decimal(row.amount) },
  }
}
