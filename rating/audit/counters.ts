import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { MONEY_SCALE } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import { pagesOf } from '../../schema/pages.ts'
import { fraction, rounded } from './exact.ts'
import { priceOfTotal } from './price-of-total.ts'

const PAGE_COUNTERS = 1_000

/**
 * Compares every counter with the price lines that moved it, and with F of what it counted. Of a part of the time the
 * counters are looked at whose period may hold some of it, each with all of its lines.
 */
export async function auditCounters(
  client: pg.PoolClient,
  { tenantId, from, to }: AuditScope,
  report: AuditReport,
): Promise<void> {
  await compare(client, COUNTERS, [tenantId, from, to], report)
}

/** The same of the counters that an invoice bills, by all that was rated of them until now: of events in the scope's time. */
export async function auditCountersOf(
  client: pg.PoolClient,
  { tenantId, from, to }: AuditScope,
  invoiceId: string,
  report: AuditReport,
): Promise<void> {
  await compare(client, BILLED_COUNTERS, [tenantId, from, to, invoiceId], report)
}

async function compare(
  client: pg.PoolClient,
  text: string,
  values: readonly unknown[],
  report: AuditReport,
): Promise<void> {
  const pages = pagesOf<CounterRow>(client, text, values, PAGE_COUNTERS)
  for await (const counters of pages) {
    report.count('counters', counters.length)
    for (const counter of counters) {
      const found = faultOf(counter)
      if (found === null) continue
      const { tenant_id: tenant, subscription_id: subscription, period, plan_id: plan } = counter
      const id = `${subscription}/${period}/${plan}/${counter.plan_version}/${counter.meter_no}`
      report.gap('counters', { kind: 'counter', tenantId: tenant, id, found })
    }
  }
}

interface CounterRow {
  readonly tenant_id: string
  readonly subscription_id: string
  readonly period: string
  readonly plan_id: string
  readonly plan_version: number
  readonly meter_no: number
  /** Null where there is no such counter. */
  readonly quantity: string | null
  readonly amount: string | null
  /** Sums over the price lines. */
  readonly counted: string
  readonly charged: string
  readonly meters: string | null
  readonly body: Plan | null
}

/**
 * The lines of different counters are added up before the plan is looked at, so each body is sent once per counter.
 * @param lines what to select price lines from
 * @param counters what to select counters from
 */
const countersOf = (lines: string, counters: string) => `
  with moved as (
    select tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no, sum(quantity) as counted,
      sum(amount) as charged, string_agg(distinct meter, ', ') as meters
    from ${lines}
    group by tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no
  )
  select tenant_id, subscription_id::text as subscription_id,
    to_char(period_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as period, plan_id, plan_version, meter_no,
    counter.quantity::text as quantity, counter.amount::text as amount, coalesce(counted, 0)::text as counted,
    coalesce(charged, 0)::text as charged, meters, plan.body
  from moved
  full join (select * from ${counters}) counter
    using (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
  left join (
    select tenant_id, plan_id, version as plan_version, body from aforo_store.plan_versions) plan
    using (tenant_id, plan_id, plan_version)`

const IN_TIME = `($1::text is null or tenant_id = $1)
  and period_start >= $2::timestamptz - interval '32 days' and period_start < $3::timestamptz`

const COUNTERS = countersOf(
  `aforo_store.price_lines where ${IN_TIME}`,
  `aforo_store.meter_counters where ${IN_TIME}`,
)

const BILLED = `(subscription_id, period_start) in (
  select subscription_id, period_start from aforo_store.invoice_periods where tenant_id = $1 and invoice_id = $4)`

/** Lines are found through the ratings of their events: whatever a counter has, some rating of that event names it. */
const BILLED_COUNTERS = countersOf(
  `(
    select line.* from (
      select distinct event_id, time from aforo_store.ratings
      where tenant_id = $1 and ${BILLED}
        and time >= $2::timestamptz and time < $3::timestamptz) rated
    join aforo_store.price_lines line
      on line.tenant_id = $1 and line.event_id = rated.event_id and line.time = rated.time
      and line.time >= $2::timestamptz and line.time < $3::timestamptz) line
    where ${BILLED}`,
  `aforo_store.meter_counters where tenant_id = $1 and ${BILLED}`,
)

function faultOf({
  quantity,
  amount,
  counted,
  charged,
  body,
  meter_no: meterNo,
  meters,
}: CounterRow): string | null {
  if (quantity === null || amount === null)
    return `is not there, and price lines counted ${counted} for ${charged}`
  if (!isSame(quantity, counted)) return `counts ${quantity}, its price lines ${counted}`
  if (!isSame(amount, charged)) return `charges ${amount}, its price lines ${charged}`
  if (body === null) return 'is of a plan version that is not there'
  const meter = body.meters[meterNo]?.meter
  if (meters !== null && meters !== meter)
    return `is of meter ${meter ?? 'none'}, its price lines of ${meters}`
  try {
    const price = priceOfTotal(body, meterNo, counted)
    if (price === units(charged)) return null
    return `charges ${charged} for ${counted}, and F of it is ${decimal(price)}`
  } catch (error) {
    return `cannot be priced by its plan: ${(error as Error).message}`
  }
}

function isSame(a: string, b: string): boolean {
  return units(a) === units(b)
}

/** In units of the last digit of the tables. */
function units(text: string): bigint {
  return rounded(fraction(text), MONEY_SCALE)
}

function decimal(price: bigint): string {
  const digits = (price < 0n ? -price : price).toString().padStart(MONEY_SCALE + 1, '0')
  const text = `${digits.slice(0, -MONEY_SCALE)}.${digits.slice(-MONEY_SCALE)}`
  return price < 0n ? `-${text}` : text
}
