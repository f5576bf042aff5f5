import type pg from 'pg'
import type { Part } from '../core/event.ts'
import { Decimal } from '../core/money.ts'
import type { Meter } from '../core/plan.ts'
import type { FeeBasis } from '../core/price.ts'
import { type ClaimedRevision, timeRange } from './claim.ts'
import type { CostLine, UsedPrice } from './costs/cost.ts'
import type { Charged } from './counters.ts'
import type { FxRate } from './prices/terms.ts'
import type { StackLine } from './stack.ts'

/** What earlier revisions of an event have written, all of them together. */
export interface Booked {
  readonly costs: readonly CostLine[]
  readonly charges: readonly Charged[]
  readonly stack: readonly StackLine[]
  readonly last: LastRating | null
}

/** The rating before, and the sums up to it. */
export interface LastRating {
  readonly subscriptionId: string | null
  readonly planId: string | null
  readonly planVersion: number | null
  readonly currency: string | null
  /** Of the currency, where it is not USD and there was one. */
  readonly fx: FxRate | null
  readonly credits: Decimal
  readonly reportedCogs: Decimal | null
  readonly computedCogs: Decimal | null
}

const NOTHING: Booked = { costs: [], charges: [], stack: [], last: null }

/** Reads the books of those events that were rated before. */
export async function readBooked(
  client: pg.PoolClient,
  events: readonly ClaimedRevision[],
): Promise<(event: ClaimedRevision) => Booked> {
  const later = events.filter((event) => event.revision > 0)
  if (later.length === 0) return () => NOTHING
  const values = [
    later.map((event) => event.tenantId),
    later.map((event) => event.eventId),
    later.map((event) => event.time),
    ...timeRange(later),
  ]
  const reading = new Reading()
  const costs = await grouped(client, COSTS, values, (row) => costLine(row, reading))
  const charges = await grouped(client, CHARGES, values, (row) => charged(row, reading))
  const stack = await grouped(client, STACK, values, (row) => stackLine(row, reading))
  const last = await grouped(client, LAST, values, (row) => lastRating(row, reading))
  return (event) => ({
    costs: costs.get(nameOf(event.tenantId, event.eventId)) ?? [],
    charges: charges.get(nameOf(event.tenantId, event.eventId)) ?? [],
    stack: stack.get(nameOf(event.tenantId, event.eventId)) ?? [],
    last: last.get(nameOf(event.tenantId, event.eventId))?.[0] ?? null,
  })
}

/**
 * Lines of the events, instant by instant through the index by time, whatever the planner believes of the table. Usage
 * that was brought in from elsewhere may have thousands of events at one instant, whose lines are read once.
 */
const linesOf = (table: string) => `(
    select distinct tenant_id, time from unnest($1::text[], $3::timestamptz[]) as event (tenant_id, time)) as instant
  cross join lateral (
    select * from aforo_store.${table}
    where ${table}.tenant_id = instant.tenant_id and ${table}.time = instant.time and ${table}.time between $4 and $5
      and (${table}.tenant_id, ${table}.event_id) in (select * from unnest($1::text[], $2::text[]))
    offset 0) line`

const COSTS = `
  select line.tenant_id, line.event_id, line.part, line.provider, line.model, line.tool, line.meter,
    line.service_tier, line.quantity::text as quantity, line.price_row_id::text as price_row_id,
    line.unit_price::text as unit_price, line.per::text as per, line.currency, line.amount::text as amount,
    coalesce(row.context_from, 0)::text as context_from,
    coalesce(row.fee_basis, 'call') as fee_basis, row.min_quantity::text as min_quantity,
    row.rounding_quantity::text as rounding_quantity, line.price_discount_id::text as discount_id,
    discount.discount_pct::text as discount_pct, line.fx_rate_id::text as fx_rate_id, rate.usd::text as fx_usd,
    line.native_amount::text as native_amount, line.allocated,
    array(select encode(span_id, 'hex') from unnest(line.span_ids) as span_id) as span_ids
  from ${linesOf('cost_lines')}
  left join aforo_store.price_rows row on row.price_row_id = line.price_row_id
  left join aforo_store.price_discounts discount on discount.price_discount_id = line.price_discount_id
  left join aforo_store.fx_rates rate on rate.fx_rate_id = line.fx_rate_id
  order by line.revision, line.line_no`

const CHARGES = `
  select line.tenant_id, line.event_id, line.customer_id, line.subscription_id::text as subscription_id,
    (extract(epoch from line.period_start) * 1000)::bigint::text as period_start, line.plan_id, line.plan_version,
    line.meter_no, line.meter, line.part, line.provider, line.model, line.tool,
    sum(line.quantity)::text as quantity, sum(line.amount)::text as amount
  from ${linesOf('price_lines')}
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13`

const STACK = `
  select line.tenant_id, line.event_id, line.customer_id, line.product_id, line.agent, line.part, line.provider,
    line.model, line.tool, line.unit, sum(line.quantity)::text as quantity, sum(line.calls)::text as calls,
    sum(line.unpriced_calls)::text as unpriced_calls, sum(line.cogs)::text as cogs, sum(line.price)::text as price,
    case when count(line.price_usd) > 0 then sum(coalesce(line.price_usd, line.price)) end::text as price_usd,
    sum(line.unconverted)::text as unconverted, sum(line.unpriced)::text as unpriced, sum(line.uncharged)::text as uncharged
  from ${linesOf('event_lines')}
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10`

const LAST = `
  select distinct on (line.tenant_id, line.event_id) line.tenant_id, line.event_id,
    line.subscription_id::text as subscription_id, line.plan_id, line.plan_version, line.currency,
    line.fx_rate_id::text as fx_rate_id, line.fx_usd::text as fx_usd,
    (sum(line.credits) over event)::text as credits, (sum(line.reported_cogs) over event)::text as reported_cogs,
    (sum(line.computed_cogs) over event)::text as computed_cogs
  from ${linesOf('ratings')}
  window event as (partition by line.tenant_id, line.event_id)
  order by line.tenant_id, line.event_id, line.revision desc`

type Row = Readonly<Record<string, string | null>> & { readonly tenant_id: string; readonly event_id: string }

async function grouped<T>(
  client: pg.PoolClient,
  text: string,
  values: unknown[],
  read: (row: Row) => T,
): Promise<Map<string, T[]>> {
  const { rows } = await client.query<Row>(text, values)
  const found = new Map<string, T[]>()
  for (const row of rows) {
    const name = nameOf(row.tenant_id, row.event_id)
    const list = found.get(name)
    if (list) list.push(read(row))
    else found.set(name, [read(row)])
  }
  return found
}

/**
 * What the rows of one reading say again and again: most amounts, sizes and prices are among those of other lines, and to
 * read a decimal takes many times as long as to look it up. It is gone with the reading, whose size bounds it.
 */
class Reading {
  readonly #decimals = new Map<string, Decimal>()
  readonly #prices = new Map<string, UsedPrice>()

  decimal(text: string): Decimal {
    let decimal = this.#decimals.get(text)
    if (decimal === undefined) {
      decimal = new Decimal(text)
      this.#decimals.set(text, decimal)
    }
    return decimal
  }

  /** The price of a cost line that has one. A share is of its line alone. */
  priceOf(row: Row): UsedPrice {
    if ((row.allocated as unknown) === true) return this.#read(row)
    const name = `${row.price_row_id} ${row.unit_price} ${row.per} ${row.currency} ${row.discount_id} ${row.fx_rate_id}`
    let price = this.#prices.get(name)
    if (price === undefined) {
      price = this.#read(row)
      this.#prices.set(name, price)
    }
    return price
  }

  #read(row: Row): UsedPrice {
    return {
      priceRowId: row.price_row_id!,
      unitPrice: this.decimal(row.unit_price!),
      per: this.decimal(row.per!),
      currency: row.currency!,
      contextFrom: Number(row.context_from),
      feeBasis: row.fee_basis as FeeBasis,
      minQuantity: row.min_quantity == null ? null : this.decimal(row.min_quantity),
      roundingQuantity: row.rounding_quantity == null ? null : this.decimal(row.rounding_quantity),
      ...termsOfLine(row, this),
    }
  }
}

function costLine(row: Row, reading: Reading): CostLine {
  return {
    part: row.part as Part,
    provider: row.provider!,
    model: row.model!,
    tool: row.tool!,
    meter: row.meter!,
    serviceTier: row.service_tier!,
    quantity: reading.decimal(row.quantity!),
    price: row.unit_price === null ? null : reading.priceOf(row),
    amount: row.amount === null ? null : reading.decimal(row.amount!),
    native: row.native_amount == null ? null : reading.decimal(row.native_amount),
    spanIds: row.span_ids as unknown as string[],
  }
}

/** Most lines have none of them. */
function termsOfLine(row: Row, reading: Reading): Pick<UsedPrice, 'discount' | 'fx' | 'share'> {
  const { discount_id: id, fx_rate_id: rateId } = row
  return {
    ...(id != null && { discount: { id, pct: reading.decimal(row.discount_pct!) } }),
    ...(rateId != null && { fx: { id: rateId, usd: reading.decimal(row.fx_usd!) } }),
    ...((row.allocated as unknown) === true && {
      share: { quantity: reading.decimal(row.quantity!), amount: reading.decimal(row.amount!) },
    }),
  }
}

function charged(row: Row, reading: Reading): Charged {
  return {
    customer: row.customer_id!,
    counter: {
      tenantId: row.tenant_id,
      subscriptionId: row.subscription_id!,
      periodStart: Number(row.period_start),
      planId: row.plan_id!,
      planVersion: Number(row.plan_version),
      meterNo: Number(row.meter_no),
    },
    meter: row.meter as Meter,
    part: row.part as Part,
    provider: row.provider!,
    model: row.model!,
    tool: row.tool!,
    quantity: reading.decimal(row.quantity!),
    amount: reading.decimal(row.amount!),
  }
}

function stackLine(row: Row, reading: Reading): StackLine {
  return {
    customer: row.customer_id!,
    product: row.product_id!,
    agent: row.agent!,
    part: row.part as Part,
    provider: row.provider!,
    model: row.model!,
    tool: row.tool!,
    unit: row.unit!,
    quantity: reading.decimal(row.quantity!),
    calls: Number(row.calls),
    unpricedCalls: Number(row.unpriced_calls),
    cogs: reading.decimal(row.cogs!),
    price: reading.decimal(row.price!),
    priceUsd: row.price_usd == null ? null : reading.decimal(row.price_usd),
    unconverted: Number(row.unconverted ?? 0),
    unpriced: Number(row.unpriced ?? 0),
    uncharged: Number(row.uncharged ?? 0),
  }
}

function lastRating(row: Row, reading: Reading): LastRating {
  return {
    subscriptionId: row.subscription_id!,
    planId: row.plan_id!,
    planVersion: row.plan_version === null ? null : Number(row.plan_version),
    currency: row.currency!,
    fx: row.fx_rate_id == null ? null : { id: row.fx_rate_id, usd: reading.decimal(row.fx_usd!) },
    credits: reading.decimal(row.credits ?? '0'),
    reportedCogs: row.reported_cogs == null ? null : reading.decimal(row.reported_cogs),
    computedCogs: row.computed_cogs == null ? null : reading.decimal(row.computed_cogs),
  }
}

function nameOf(tenantId: string, eventId: string): string {
  return `${tenantId}\0${eventId}`
}
