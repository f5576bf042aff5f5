import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import type { Part } from '../../core/event.ts'
import { Decimal, decimalText } from '../../core/money.ts'
import type { ClaimedRevision } from '../claim.ts'
import { bookedPrices } from '../difference.ts'
import { nameOf } from '../name.ts'
import type { RatedEvent } from '../rate-event.ts'
import {
  type Adjustment,
  adjustedQuantities,
  adjustmentDifference,
  type BackDatedPrice,
  deltaOf,
} from './adjustments.ts'
import { askBackDated, readBackDated } from './back-dated.ts'
import type { CostLine, UsedPrice } from './cost.ts'

/** An event as it is costed by now. */
export interface CostedEvent {
  readonly event: ClaimedRevision
  /** The revision that the costs are of. */
  readonly revision: number
  readonly assembly: Assembly
  /** All its cost lines. */
  readonly costs: readonly CostLine[]
}

/** What is to be booked for an event. */
export interface EventAdjustments extends CostedEvent {
  readonly adjustments: readonly Adjustment[]
}

const NANOS_PER_MICRO = 1000n
const NANOS = 1000

/**
 * Books what back-dated prices make of events that were just rated. Holds them off until the transaction ends: one that
 * is approved at the same time finds these events, or they find it.
 */
export async function adjustRated(
  client: pg.PoolClient,
  rated: readonly RatedEvent[],
  now: Date,
): Promise<void> {
  await client.query(`select pg_advisory_xact_lock_shared(hashtextextended('${LOCK}', 0))`)
  const backDated = await readBackDated(client)
  if (backDated.length === 0) return
  const costed = rated.map(({ event, assembly, costs }) => ({
    event,
    revision: event.revision,
    assembly,
    costs,
  }))
  await writeAdjustments(client, await findAdjustments(client, costed, backDated, now), backDated, now)
}

/** Until the transaction ends, nobody rates without knowing what it writes. */
export async function lockAdjustments(client: pg.PoolClient): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(hashtextextended('${LOCK}', 0))`)
}

const LOCK = 'aforo cogs adjustments'

/** What the events' adjustments lack to be what the back-dated prices make of them. */
export async function findAdjustments(
  client: pg.PoolClient,
  costed: readonly CostedEvent[],
  backDated: readonly BackDatedPrice[],
  now: Date,
): Promise<readonly EventAdjustments[]> {
  const touched = costed.filter(
    ({ assembly, revision }) => revision > 0 || backDated.some((price) => overlaps(assembly, price)),
  )
  if (touched.length === 0) return []
  const booked = await readAdjustments(client, touched)
  const rows = await readRowOrigins(client, touched)
  const events = touched.filter(
    (each) => booked.has(keyOf(each)) || backDated.some((price) => isAbout(price, each, rows)),
  )
  const askable = await askBackDated(
    client,
    events.map(({ event }) => event),
    backDated,
    now,
  )
  return events.flatMap((each) => {
    const { event, assembly, costs } = each
    const about = askable(event.tenantId).filter(
      (price) => isAbout(price, each, rows) || booked.has(keyOf(each)),
    )
    const facts = {
      prices: bookedPrices(costs),
      recordedAt: BigInt(event.recordedAtMicros) * NANOS_PER_MICRO,
    }
    const wanted = adjustedQuantities(assembly, facts, about, (id) => rows.get(id)?.recordedAt ?? null)
    const adjustments = adjustmentDifference(wanted, event, booked.get(keyOf(each)) ?? [])
    return adjustments.length === 0 ? [] : [{ ...each, adjustments }]
  })
}

/** Whether calls of an event may be of the time of a back-dated price. */
function overlaps({ startNano, endNano, anomalies }: Assembly, { from, to }: BackDatedPrice): boolean {
  const isDoubted = anomalies.some(({ kind }) => kind === 'bad_time')
  return isDoubted || (Number(startNano) / NANOS < to && Number(endNano) / NANOS >= from)
}

interface RowOrigin {
  readonly provider: string
  readonly model: string
  readonly recordedAt: number
}

function isAbout(
  price: BackDatedPrice,
  { costs }: CostedEvent,
  rows: ReadonlyMap<string, RowOrigin>,
): boolean {
  return costs.some(({ price: used }) => {
    const row = used?.priceRowId ? rows.get(used.priceRowId) : undefined
    return (
      row !== undefined && row.provider === price.provider && (row.model === price.model || row.model === '*')
    )
  })
}

async function readRowOrigins(
  client: pg.PoolClient,
  costed: readonly CostedEvent[],
): Promise<ReadonlyMap<string, RowOrigin>> {
  const ids = new Set(costed.flatMap(({ costs }) => costs.map(({ price }) => price?.priceRowId ?? null)))
  const { rows } = await client.query<Record<'id' | 'provider' | 'model' | 'at', string>>(
    `select price_row_id::text as id, provider, model, (extract(epoch from recorded_at) * 1000000)::bigint::text as at
     from aforo_store.price_rows where price_row_id = any ($1::bigint[])`,
    [[...ids].filter((id) => id !== null)],
  )
  return new Map(rows.map(({ id, provider, model, at }) => [id, { provider, model, recordedAt: Number(at) }]))
}

/** What is booked for events so far, one sum per name. */
export async function readAdjustments(
  client: pg.PoolClient,
  costed: readonly Pick<CostedEvent, 'event'>[],
): Promise<ReadonlyMap<string, readonly Adjustment[]>> {
  const { rows } = await client.query<Record<string, string | null>>({
    name: 'booked-adjustments',
    text: `
      select tenant_id, event_id, proposal_id::text as proposal_id, customer_id, product_id, agent, part, provider, model, tool,
        meter, service_tier, currency, price_discount_id::text as discount_id, discount_pct::text as discount_pct, old_price_row_id::text as old_row, old_unit_price::text as old_unit_price,
        old_per::text as old_per, new_price_row_id::text as new_row, new_unit_price::text as new_unit_price,
        new_per::text as new_per, sum(quantity)::text as quantity, sum(old_amount)::text as old_amount,
        sum(new_amount)::text as new_amount
      from aforo_store.cogs_adjustments
      where (tenant_id, event_id) in (select * from unnest($1::text[], $2::text[]))
      group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21`,
    values: [costed.map(({ event }) => event.tenantId), costed.map(({ event }) => event.eventId)],
  })
  const read = rows.map((row) => ({
    name: nameOf(row.tenant_id!, row.event_id!),
    adjustment: adjustment(row),
  }))
  return new Map(
    [...Map.groupBy(read, ({ name }) => name)].map(([name, of]) => [name, of.map((each) => each.adjustment)]),
  )
}

export function keyOf({ event }: Pick<CostedEvent, 'event'>): string {
  return nameOf(event.tenantId, event.eventId)
}

function adjustment(row: Record<string, string | null>): Adjustment {
  const used = (of: 'old' | 'new'): UsedPrice => ({
    priceRowId: row[`${of}_row`]!,
    unitPrice: new Decimal(row[`${of}_unit_price`]!),
    per: new Decimal(row[`${of}_per`]!),
    currency: row.currency!,
    contextFrom: 0,
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
    discount: row.discount_id === null ? null : { id: row.discount_id!, pct: new Decimal(row.discount_pct!) },
  })
  return {
    proposalId: row.proposal_id!,
    customer: row.customer_id!,
    product: row.product_id!,
    agent: row.agent!,
    part: row.part as Part,
    provider: row.provider!,
    model: row.model!,
    tool: row.tool!,
    meter: row.meter!,
    serviceTier: row.service_tier!,
    before: used('old'),
    after: used('new'),
    quantity: new Decimal(row.quantity!),
    oldAmount: new Decimal(row.old_amount!),
    newAmount: new Decimal(row.new_amount!),
  }
}

/** Writes adjustment entries. None is ever changed. */
export async function writeAdjustments(
  client: pg.PoolClient,
  events: readonly EventAdjustments[],
  backDated: readonly BackDatedPrice[],
  now: Date,
): Promise<void> {
  if (events.length === 0) return
  const decisions = new Map(backDated.map((price) => [price.proposalId, price]))
  const entries = events.flatMap(({ event, revision, adjustments }) =>
    adjustments.map((each) => entryOf(event, revision, each, decisions.get(each.proposalId))),
  )
  await client.query(
    `insert into aforo_store.cogs_adjustments
       (tenant_id, proposal_id, event_id, revision, time, customer_id, product_id, agent, part, provider, model, tool, meter,
        service_tier, old_price_row_id, old_unit_price, old_per, new_price_row_id, new_unit_price, new_per, currency,
        price_discount_id, discount_pct, quantity, old_amount, new_amount, delta, reason, approver, recorded_at)
     select tenant, proposal, event, revision, time, customer, product, agent, part, provider, model, tool, meter, tier,
       old_row, old_unit, old_per, new_row, new_unit, new_per, currency, discount, pct, quantity, old_amount, new_amount, delta, reason,
       approver, $2
     from jsonb_to_recordset($1::jsonb) as entry (tenant text, proposal bigint, event text, revision integer,
       time timestamptz, customer text, product text, agent text, part text, provider text, model text, tool text,
       meter text, tier text, old_row bigint, old_unit numeric, old_per bigint, new_row bigint, new_unit numeric,
       new_per bigint, currency text, discount bigint, pct numeric, quantity numeric, old_amount numeric, new_amount numeric, delta numeric,
       reason text, approver text)`,
    [JSON.stringify(entries), now.toISOString()],
  )
}

function entryOf(
  event: ClaimedRevision,
  revision: number,
  adjustment: Adjustment,
  decision: BackDatedPrice | undefined,
): Record<string, string | number | null> {
  const {
    proposalId,
    customer,
    product,
    agent,
    part,
    provider,
    model,
    tool,
    meter,
    serviceTier,
    before,
    after,
  } = adjustment
  return {
    tenant: event.tenantId,
    proposal: proposalId,
    event: event.eventId,
    revision,
    time: event.time,
    ...{ customer, product, agent, part, provider, model, tool, meter },
    tier: serviceTier,
    old_row: before.priceRowId,
    old_unit: decimalText(before.unitPrice),
    old_per: decimalText(before.per),
    new_row: after.priceRowId,
    new_unit: decimalText(after.unitPrice),
    new_per: decimalText(after.per),
    currency: after.currency,
    discount: after.discount?.id ?? null,
    pct: after.discount ? decimalText(after.discount.pct) : null,
    quantity: decimalText(adjustment.quantity),
    old_amount: decimalText(adjustment.oldAmount),
    new_amount: decimalText(adjustment.newAmount),
    delta: decimalText(deltaOf(adjustment)),
    reason: decision?.reason ?? null,
    approver: decision?.approver ?? '',
  }
}
