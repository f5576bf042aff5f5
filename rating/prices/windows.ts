import type pg from 'pg'
import { Decimal, ZERO } from '../../core/money.ts'
import { TOKEN_METERS } from '../../core/price.ts'
import { NOT_ALLOCATED } from '../costs/cost-sums.ts'
import { nameOf } from '../name.ts'
import { ALLOCATED } from './shares.ts'

/** An hour or day of UTC in which models that cost by the hour were used. Milliseconds since 1970. */
export interface Window {
  readonly tenantId: string
  readonly start: number
  readonly end: number
  readonly over: 'hour' | 'day'
}

/** What a model costs by the hour, for some time of a window. */
export interface HourlyCostRow {
  readonly customId: string
  readonly provider: string
  readonly model: string
  readonly hourlyUsd: string
  readonly units: string
  /** Milliseconds since 1970; null: without end. */
  readonly from: number
  readonly to: number | null
}

/** What one event used of one meter of a model within a window; `name` tells it from the others. */
export interface WindowPart {
  readonly name: string
  readonly eventId: string
  readonly provider: string | null
  readonly model: string
  readonly part: string
  readonly meter: string
  readonly serviceTier: string
  readonly quantity: Decimal
}

const MICROS_PER_HOUR = 3_600_000_000

/** Closed windows with usage that has no share yet, the earliest first. An event is of the window of its time. */
export async function readWaiting(
  client: pg.PoolClient,
  closedBefore: Date,
  limit: number,
): Promise<readonly Window[]> {
  const { rows } = await client.query<Window>(
    `select distinct waiting.tenant_id as "tenantId", cost.spread_over as over,
       (extract(epoch from start.at) * 1000)::double precision as start,
       (extract(epoch from start.at + ('1 ' || cost.spread_over)::interval) * 1000)::double precision as end
     from (
       select distinct x.tenant_id, event.time
       from aforo_store.exceptions x
       join aforo_store.events event on event.tenant_id = x.tenant_id and event.event_id = x.event_id and event.revision = 0
       where x.kind = 'unpriced' and x.reason = $1 and x.resolved_at is null) waiting
     join (
       select distinct tenant_id, spread_over from aforo_store.hourly_costs where retracted_at is null) cost
       on cost.tenant_id = waiting.tenant_id
     cross join lateral (select date_trunc(cost.spread_over, waiting.time at time zone 'UTC') at time zone 'UTC' as at) start
     where start.at + ('1 ' || cost.spread_over)::interval <= $2
     order by 3, 1, 2
     limit $3`,
    [NOT_ALLOCATED, closedBefore, limit],
  )
  return rows
}

/** What models cost in a window that is spread over such a time. */
export async function readHourlyCosts(
  client: pg.PoolClient,
  { tenantId, start, end, over }: Window,
): Promise<readonly HourlyCostRow[]> {
  const { rows } = await client.query<HourlyCostRow>(
    `select custom_id as "customId", provider, model, hourly_usd::text as "hourlyUsd", units::text as units,
       (extract(epoch from effective_from) * 1000)::double precision as from,
       (extract(epoch from effective_to) * 1000)::double precision as to
     from aforo_store.hourly_costs
     where tenant_id = $1 and spread_over = $2 and retracted_at is null
       and tstzrange(effective_from, effective_to) && tstzrange($3, $4)
     order by provider, model, effective_from`,
    [tenantId, over, new Date(start), new Date(end)],
  )
  return rows
}

/** Rate times units times hours in force, to the digits of a price: the whole that is spread. */
export function costOfWindow(costs: readonly HourlyCostRow[], { start, end }: Window): Decimal {
  const cost = costs.reduce((sum, { hourlyUsd, units, from, to }) => {
    const millis = Math.min(end, to ?? end) - Math.max(start, from)
    const hours = new Decimal(millis).mul(1000).div(MICROS_PER_HOUR)
    return sum.plus(hours.mul(hourlyUsd).mul(units))
  }, ZERO)
  return cost.toDecimalPlaces(15, Decimal.ROUND_HALF_EVEN)
}

/** Tokens of a window that have no price of their own, by what told of them: those with a share and those without. */
export async function readParts(
  client: pg.PoolClient,
  { tenantId, start, end }: Window,
  limit: number,
): Promise<readonly WindowPart[]> {
  const { rows } = await client.query<Omit<WindowPart, 'name' | 'quantity'> & { quantity: string }>(
    `select event_id as "eventId", provider, model, part, meter, service_tier as "serviceTier",
       sum(quantity)::text as quantity
     from aforo_store.cost_lines
     where tenant_id = $1 and time >= $2 and time < $3 and model is not null and tool is null
       and meter = any ($4) and (amount is null or allocated)
     group by 1, 2, 3, 4, 5, 6
     having sum(quantity) > 0
     order by 1, 2, 3, 4, 5, 6
     limit $5`,
    [tenantId, new Date(start), new Date(end), [...TOKEN_METERS], limit],
  )
  return rows.map((row) => ({
    ...row,
    name: partName(row.eventId, row.provider ?? '', row.model, row.part, row.meter, row.serviceTier),
    quantity: new Decimal(row.quantity),
  }))
}

/** What was spread in a window before, of some models, and when it was last. */
export async function readShared(
  client: pg.PoolClient,
  { tenantId, start }: Window,
  models: readonly Pick<WindowPart, 'provider' | 'model'>[],
): Promise<{
  readonly latest: number
  readonly quantities: ReadonlyMap<string, Decimal>
  readonly eventIds: readonly string[]
}> {
  const { rows } = await client.query<Record<string, string> & { recorded: number }>(
    `select share.event_id, row.provider, row.model, share.part, share.meter, share.service_tier,
       share.quantity::text as quantity, (extract(epoch from row.recorded_at) * 1000)::double precision as recorded
     from unnest($2::text[], $3::text[]) as named (provider, model)
     join aforo_store.price_rows row using (provider, model)
     join aforo_store.allocation_shares share using (price_row_id)
     where row.tenant_id = $1 and row.meter = $4 and row.effective_from = $5 and row.retracted_at is null`,
    [
      tenantId,
      models.map(({ provider }) => provider ?? ''),
      models.map(({ model }) => model),
      ALLOCATED,
      new Date(start),
    ],
  )
  return {
    latest: rows.reduce((latest, { recorded }) => Math.max(latest, recorded), Number.NEGATIVE_INFINITY),
    quantities: new Map(
      rows.map((row) => [
        partName(row.event_id!, row.provider!, row.model!, row.part!, row.meter!, row.service_tier!),
        new Decimal(row.quantity!),
      ]),
    ),
    eventIds: rows.map(({ event_id }) => event_id!),
  }
}

function partName(
  eventId: string,
  provider: string,
  model: string,
  part: string,
  meter: string,
  tier: string,
): string {
  return nameOf(eventId, provider, model, part, meter, tier)
}
