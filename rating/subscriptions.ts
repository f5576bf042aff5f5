import type pg from 'pg'
import type { ClaimedRevision } from './claim.ts'
import { nameOf } from './name.ts'
import { periodOf } from './period.ts'

/** What a customer is on at the time of an event. */
export interface Enrolment {
  readonly subscriptionId: string
  readonly planId: string
  /** Milliseconds since 1970. */
  readonly periodStart: number
}

/** Why an event has no price. */
export type Unattributed = 'no_customer' | 'unknown_customer' | 'no_subscription'

/** Finds the enrolment of an event's customer at the event's time. */
export type FindEnrolment = (event: ClaimedRevision) => Enrolment | Unattributed

/** Reads the customers of a batch of events and their subscriptions. */
export async function readSubscriptions(
  client: pg.PoolClient,
  events: readonly ClaimedRevision[],
): Promise<FindEnrolment> {
  const named = new Map(
    events.filter((event) => event.customer !== null).map((event) => [customerName(event), event]),
  )
  const customers = [...named.values()]
  const { rows } = await client.query<SubscriptionRow>({
    name: 'rating-subscriptions',
    text: `select customer.tenant_id, customer.customer_id, subscription.subscription_id::text as subscription_id,
         subscription.plan_id, subscription.timezone, subscription.anchor_day,
         (extract(epoch from subscription.effective_from) * 1000000)::bigint::text as effective_from
       from unnest($1::text[], $2::text[]) as named (tenant_id, customer_id)
       -- Customer by customer through the indexes: by what the planner believes of tables that nobody analysed yet it
       -- would walk over all customers, and over all subscriptions for each of them.
       cross join lateral (
         select tenant_id, customer_id from aforo_store.customers known
         where known.tenant_id = named.tenant_id and known.customer_id = named.customer_id offset 0) customer
       left join lateral (
         select * from aforo_store.subscriptions made
         where made.tenant_id = named.tenant_id and made.customer_id = named.customer_id offset 0) subscription on true
       order by subscription.effective_from desc, subscription.recorded_at desc,
         subscription.subscription_id desc`,
    values: [customers.map((event) => event.tenantId), customers.map((event) => event.customer)],
  })
  const byCustomer = Map.groupBy(rows, (row) => nameOf(row.tenant_id, row.customer_id))
  return (event) => {
    if (event.customer === null) return 'no_customer'
    const subscriptions = byCustomer.get(customerName(event))
    if (!subscriptions) return 'unknown_customer'
    const current = subscriptions.find(
      (row) => row.subscription_id !== null && Number(row.effective_from) <= event.timeMicros,
    )
    if (!current?.subscription_id) return 'no_subscription'
    const millis = Math.floor(event.timeMicros / 1000)
    const { start } = periodOf(millis, current.timezone, current.anchor_day)
    return { subscriptionId: current.subscription_id, planId: current.plan_id, periodStart: start }
  }
}

interface SubscriptionRow {
  readonly tenant_id: string
  readonly customer_id: string
  readonly subscription_id: string | null
  readonly plan_id: string
  readonly timezone: string
  readonly anchor_day: number
  readonly effective_from: string
}

function customerName(event: ClaimedRevision): string {
  return nameOf(event.tenantId, event.customer)
}
