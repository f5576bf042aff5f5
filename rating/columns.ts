import { decimalText } from '../core/money.ts'
import type { CopyWriter } from '../schema/copy-writer.ts'
import type { CostLine } from './costs/cost.ts'
import type { Charged } from './counters.ts'
import { isUnpriced, type RatedEvent } from './rate-event.ts'
import type { StackLine } from './stack.ts'

/** A table that the rating fills, and how each of its columns behind `KEY` is filled from a line of a rated event. */
export interface RatedTable<Line> {
  readonly name: string
  readonly columns: readonly Column<Line>[]
}

export interface Column<Line> {
  readonly name: string
  readonly write: (to: CopyWriter, line: Line, rated: RatedEvent, lineNo: number) => void
}

/** The columns that begin every line; they are the same in all lines of an event. */
export const KEY: readonly Column<unknown>[] = [
  { name: 'tenant_id', write: (to, _, { event }) => to.text(event.tenantId) },
  { name: 'event_id', write: (to, _, { event }) => to.text(event.eventId) },
  { name: 'revision', write: (to, _, { event }) => to.integer(event.revision) },
  { name: 'time', write: (to, _, { event }) => to.instant(event.timeMicros) },
]

const LINE_NO: Column<unknown> = { name: 'line_no', write: (to, _line, _rated, no) => to.integer(no) }

export const COST_LINES: RatedTable<CostLine> = {
  name: 'cost_lines',
  columns: [
    LINE_NO,
    { name: 'part', write: (to, line) => to.text(line.part) },
    { name: 'provider', write: (to, line) => to.text(line.provider) },
    { name: 'model', write: (to, line) => to.text(line.model) },
    { name: 'tool', write: (to, line) => to.text(line.tool) },
    { name: 'meter', write: (to, line) => to.text(line.meter) },
    { name: 'service_tier', write: (to, line) => to.text(line.serviceTier) },
    { name: 'quantity', write: (to, line) => to.amount(line.quantity) },
    { name: 'price_row_id', write: (to, line) => to.bigint(line.price?.priceRowId ?? null) },
    { name: 'unit_price', write: (to, line) => to.amount(line.price?.unitPrice ?? null) },
    { name: 'per', write: (to, line) => to.bigint(line.price && decimalText(line.price.per)) },
    { name: 'currency', write: (to, line) => to.text(line.price?.currency ?? null) },
    { name: 'amount', write: (to, line) => to.amount(line.amount) },
    { name: 'span_ids', write: (to, line) => to.hexes(line.spanIds) },
    { name: 'price_discount_id', write: (to, line) => to.bigint(line.price?.discount?.id ?? null) },
    { name: 'fx_rate_id', write: (to, line) => to.bigint(line.price?.fx?.id ?? null) },
    { name: 'native_amount', write: (to, line) => to.amount(line.native ?? null) },
    { name: 'allocated', write: (to, line) => (line.price?.share ? to.boolean(true) : to.none()) },
  ],
}

export const PRICE_LINES: RatedTable<Charged> = {
  name: 'price_lines',
  columns: [
    LINE_NO,
    { name: 'customer_id', write: (to, line) => to.text(line.customer) },
    { name: 'subscription_id', write: (to, line) => to.bigint(line.counter.subscriptionId) },
    { name: 'period_start', write: (to, line) => to.instant(line.counter.periodStart * 1000) },
    { name: 'plan_id', write: (to, line) => to.text(line.counter.planId) },
    { name: 'plan_version', write: (to, line) => to.integer(line.counter.planVersion) },
    { name: 'meter_no', write: (to, line) => to.integer(line.counter.meterNo) },
    { name: 'meter', write: (to, line) => to.text(line.meter) },
    { name: 'part', write: (to, line) => to.text(line.part) },
    { name: 'provider', write: (to, line) => to.text(line.provider) },
    { name: 'model', write: (to, line) => to.text(line.model) },
    { name: 'tool', write: (to, line) => to.text(line.tool) },
    { name: 'quantity', write: (to, line) => to.amount(line.quantity) },
    { name: 'amount', write: (to, line) => to.amount(line.amount) },
  ],
}

export const STACK_LINES: RatedTable<StackLine> = {
  name: 'event_lines',
  columns: [
    LINE_NO,
    { name: 'customer_id', write: (to, line) => to.text(line.customer) },
    { name: 'product_id', write: (to, line) => to.text(line.product) },
    { name: 'agent', write: (to, line) => to.text(line.agent) },
    { name: 'part', write: (to, line) => to.text(line.part) },
    { name: 'provider', write: (to, line) => to.text(line.provider) },
    { name: 'model', write: (to, line) => to.text(line.model) },
    { name: 'tool', write: (to, line) => to.text(line.tool) },
    { name: 'unit', write: (to, line) => to.text(line.unit) },
    { name: 'quantity', write: (to, line) => to.amount(line.quantity) },
    { name: 'calls', write: (to, line) => to.whole(line.calls) },
    { name: 'unpriced_calls', write: (to, line) => to.whole(line.unpricedCalls) },
    { name: 'cogs', write: (to, line) => to.amount(line.cogs) },
    { name: 'price', write: (to, line) => to.amount(line.price) },
    { name: 'price_usd', write: (to, line) => to.amount(line.priceUsd) },
    { name: 'unconverted', write: (to, line) => to.integer(orNull(line.unconverted)) },
    { name: 'unpriced', write: (to, line) => to.integer(orNull(line.unpriced)) },
    { name: 'uncharged', write: (to, line) => to.integer(orNull(line.uncharged)) },
  ],
}

/** Its one line per event is the instant of the rating, in microseconds since 1970. */
export const RATINGS: RatedTable<number> = {
  name: 'ratings',
  columns: [
    { name: 'rated_at', write: (to, now) => to.instant(now) },
    { name: 'status', write: (to, _, rated) => to.text(rated.status) },
    { name: 'unpriced', write: (to, _, rated) => to.boolean(isUnpriced(rated.costs)) },
    { name: 'customer_id', write: (to, _, rated) => to.text(rated.event.customer) },
    { name: 'subscription_id', write: (to, _, rated) => to.bigint(on(rated)?.subscriptionId ?? null) },
    { name: 'period_start', write: (to, _, rated) => to.instant(periodStartMicros(rated)) },
    { name: 'plan_id', write: (to, _, rated) => to.text(on(rated)?.planId ?? null) },
    { name: 'plan_version', write: (to, _, rated) => to.integer(on(rated)?.planVersion ?? null) },
    { name: 'currency', write: (to, _, rated) => to.text(on(rated)?.plan.currency ?? null) },
    { name: 'cogs', write: (to, _, rated) => to.amount(rated.cogs) },
    { name: 'price', write: (to, _, rated) => to.amount(rated.price) },
    { name: 'credits', write: (to, _, rated) => to.amount(rated.credits) },
    { name: 'computed_cogs', write: (to, _, rated) => to.amount(rated.computedCogs) },
    { name: 'reported_cogs', write: (to, _, rated) => to.amount(rated.reportedCogs) },
    { name: 'fx_rate_id', write: (to, _, rated) => to.bigint(rated.fx?.id ?? null) },
    { name: 'fx_usd', write: (to, _, rated) => to.amount(rated.fx?.usd ?? null) },
    { name: 'price_usd', write: (to, _, rated) => to.amount(rated.priceUsd) },
    { name: 'uncharged', write: (to, _, rated) => (rated.uncharged.size > 0 ? to.boolean(true) : to.none()) },
  ],
}

/** Nearly all are zero, and nothing takes no room. */
function orNull(count: number): number | null {
  return count === 0 ? null : count
}

/** What the event is charged by; null where nobody can be charged. */
function on({ attribution }: RatedEvent) {
  return typeof attribution === 'string' ? null : attribution
}

function periodStartMicros(rated: RatedEvent): number | null {
  const start = on(rated)?.periodStart
  return start === undefined ? null : start * 1000
}
