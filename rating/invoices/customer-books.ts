import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { Decimal } from '../../core/money.ts'
import type { Meter, Plan } from '../../core/plan.ts'
import { rfc3339 } from '../../core/time.ts'
import type { PlanVersionStart } from '../plans/plan-shelf.ts'
import { type Subscription, type Term, termsOf } from './calendar.ts'

/** Who is invoiced, as the customer's row and the tenant's settings say now. */
export interface Parties {
  readonly name: string | null
  readonly address: string | null
  readonly taxId: string | null
  readonly taxRatePct: string | null
  readonly taxLabel: string | null
  readonly seller: {
    readonly name?: string
    readonly address?: string
    readonly tax_id?: string
    readonly payment_days?: number
  } | null
}

/** A counter, as far as an invoice asks. Instants: `periodStart` in milliseconds, `ratedAt` in microseconds since 1970. */
export interface CounterRow {
  readonly subscriptionId: string
  readonly periodStart: number
  readonly planId: string
  readonly version: number
  readonly meterNo: number
  readonly quantity: Decimal
  readonly amount: Decimal
  readonly ratedAt: number
}

/** What a customer is on, was on, and by which plans. */
export interface CustomerBooks {
  readonly terms: readonly Term[]
  readonly versionsOf: (planId: string) => readonly PlanVersionStart[]
  readonly planOf: (planId: string, version: number) => Plan
  /** When the newest of these facts was recorded, microseconds since 1970. */
  readonly recordedAt: number
}

/** An instant in microseconds as the database reads it; null: no bound. */
export function cutoffText(micros: number | null): string {
  return micros === null ? 'infinity' : rfc3339(BigInt(micros) * 1000n)
}

/** @throws AforoError `not_found` */
export async function readParties(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
): Promise<Parties> {
  const { rows } = await client.query<Parties>(
    `select customer.name, customer.address, customer.tax_id as "taxId",
       trim_scale(customer.tax_rate_pct)::text as "taxRatePct", customer.tax_label as "taxLabel",
       (select seller from aforo_store.tenant_settings settings where settings.tenant_id = $1) as seller
     from aforo_store.customers customer where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId],
  )
  if (rows[0]) return rows[0]
  throw new AforoError('not_found', `there is no customer ${customerId}`)
}

/** @param cutoff what was recorded before it counts, microseconds since 1970; null: everything */
export async function readCustomerBooks(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
  cutoff: number | null,
): Promise<CustomerBooks> {
  const { rows } = await client.query<SubscriptionRow>(
    `select subscription_id::text as "subscriptionId", plan_id as "planId",
       (extract(epoch from effective_from) * 1000)::bigint::text as "from", timezone, anchor_day as "anchorDay",
       (extract(epoch from recorded_at) * 1000000)::bigint::text as "recordedAt"
     from aforo_store.subscriptions
     where tenant_id = $1 and customer_id = $2 and recorded_at < $3
     order by effective_from, recorded_at, subscription_id`,
    [tenantId, customerId, cutoffText(cutoff)],
  )
  const subscriptions = rows.map(
    ({ recordedAt: _, from, ...row }): Subscription => ({
      ...row,
      from: Number(from),
    }),
  )
  const versions = await readVersions(client, tenantId, subscriptions, cutoff)
  const byPlan = Map.groupBy(versions, ({ planId }) => planId)
  const plans = new Map(versions.map((row) => [`${row.planId} ${row.version}`, row.body]))
  return {
    terms: termsOf(subscriptions),
    versionsOf: (planId) =>
      (byPlan.get(planId) ?? []).map(({ version, effectiveFrom }) => ({
        version,
        effectiveFrom: Number(effectiveFrom),
      })),
    planOf(planId, version) {
      const plan = plans.get(`${planId} ${version}`)
      if (!plan) throw new AforoError('conflict', `plan ${planId} has no version ${version}: see aforo audit`)
      return plan
    },
    recordedAt: [...rows, ...versions].reduce((latest, row) => Math.max(latest, Number(row.recordedAt)), 0),
  }
}

interface SubscriptionRow extends Omit<Subscription, 'from'> {
  readonly from: string
  readonly recordedAt: string
}

interface VersionRow {
  readonly planId: string
  readonly version: number
  readonly body: Plan
  readonly effectiveFrom: string
  readonly recordedAt: string
}

async function readVersions(
  client: pg.ClientBase,
  tenantId: string,
  subscriptions: readonly Subscription[],
  cutoff: number | null,
): Promise<readonly VersionRow[]> {
  const { rows } = await client.query<VersionRow>(
    `select plan_id as "planId", version, body,
       (extract(epoch from effective_from) * 1000000)::bigint::text as "effectiveFrom",
       (extract(epoch from recorded_at) * 1000000)::bigint::text as "recordedAt"
     from aforo_store.plan_versions
     where tenant_id = $1 and plan_id = any($2) and recorded_at < $3
     order by plan_id, version`,
    [tenantId, [...new Set(subscriptions.map(({ planId }) => planId))], cutoffText(cutoff)],
  )
  return rows
}

/** The counters of a customer, in the order in which they are locked. */
export async function readCounters(
  client: pg.ClientBase,
  tenantId: string,
  terms: readonly Term[],
  lock = false,
): Promise<readonly CounterRow[]> {
  const { rows } = await client.query<
    Record<keyof CounterRow, string> & { version: number; meterNo: number }
  >(
    `select subscription_id::text as "subscriptionId",
       (extract(epoch from period_start) * 1000)::bigint::text as "periodStart", plan_id as "planId",
       plan_version as version, meter_no as "meterNo", quantity::text as quantity, amount::text as amount,
       coalesce((extract(epoch from rated_at) * 1000000)::bigint, 0)::text as "ratedAt"
     from aforo_store.meter_counters
     where tenant_id = $1 and subscription_id = any($2)
     order by tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no
     ${lock ? 'for update' : ''}`,
    [tenantId, terms.map(({ subscriptionId }) => subscriptionId)],
  )
  return rows.map((row) => ({
    subscriptionId: row.subscriptionId,
    periodStart: Number(row.periodStart),
    planId: row.planId,
    version: row.version,
    meterNo: row.meterNo,
    quantity: new Decimal(row.quantity),
    amount: new Decimal(row.amount),
    ratedAt: Number(row.ratedAt),
  }))
}

/** The meter of a counter; its plan has it. */
export function meterOf(books: CustomerBooks, { planId, version, meterNo }: CounterRow): Meter {
  const meter = books.planOf(planId, version).meters[meterNo]
  if (!meter) throw new AforoError('conflict', `plan ${planId} has no meter ${meterNo}: see aforo audit`)
  return meter.meter
}
