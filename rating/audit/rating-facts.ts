import type pg from 'pg'
import type { Booked } from '../booked.ts'
import { periodOf } from '../period.ts'
import type { PlanRef, PlanShelf } from '../plans/plan-shelf.ts'
import type { EventMaterial } from '../rate-event.ts'
import { readSubscriptions } from '../subscriptions.ts'
import type { RatedRevision, StoredRating } from './rated-events.ts'

/** What the ratings of a page name, as it is stored. */
export interface RatingFacts {
  readonly materialOf: (rated: RatedRevision, booked: Booked) => EventMaterial
  /** What is wrong with the subscription, plan and period a rating names; null where nothing is. */
  readonly faultOf: (rated: RatedRevision) => string | null
}

interface Subscription {
  readonly customer: string
  readonly timezone: string
  readonly anchorDay: number
  readonly effectiveFrom: number
}

/** Reads the subscriptions and plans that ratings and their booked charges name. */
export async function readRatingFacts(
  client: pg.PoolClient,
  shelf: PlanShelf,
  page: readonly RatedRevision[],
  bookedOf: (rated: RatedRevision) => Booked,
): Promise<RatingFacts> {
  const subscriptions = await readNamedSubscriptions(client, page)
  const enrolmentOf = await readSubscriptions(
    client,
    page.map(({ event }) => event),
  )
  const refs = page.flatMap((rated) => [
    ...bookedOf(rated).charges.map(({ counter: { tenantId, planId, planVersion: version } }) => ({
      tenantId,
      planId,
      version,
    })),
    ...refOf(rated.rating),
  ])
  const known = await existing(client, refs)
  const planOf = await shelf.readPlans(client, known)
  const enrolled = page.flatMap(({ event }) => {
    const enrolment = enrolmentOf(event)
    return typeof enrolment === 'string' ? [] : [{ tenantId: event.tenantId, planId: enrolment.planId }]
  })
  const startsOf = await shelf.readStarts(client, enrolled)
  return {
    materialOf({ rating, event }, booked) {
      const [ref] = refOf(rating)
      const enrolment = enrolmentOf(event)
      const nobody = typeof enrolment === 'string' ? enrolment : ('no_subscription' as const)
      if (ref === undefined) return { event, booked, planOf, attribution: nobody }
      const { planId, version: planVersion } = ref
      const attribution = {
        subscriptionId: rating.subscriptionId!,
        planId,
        periodStart: rating.periodStart!,
        planVersion,
        plan: planOf(ref),
      }
      return { event, booked, planOf, attribution }
    },
    faultOf({ rating, event, unsettled }) {
      if (rating.customer !== event.customer)
        return `names customer ${rating.customer}, not ${event.customer}`
      if (rating.subscriptionId === null) {
        const enrolment = enrolmentOf(event)
        if (unsettled || typeof enrolment === 'string') return null
        const versions = startsOf({ tenantId: event.tenantId, planId: enrolment.planId })
        return versions.length === 0
          ? null
          : `is charged to nobody, and subscription ${enrolment.subscriptionId} is there`
      }
      const subscription = subscriptions.get(rating.subscriptionId)
      const named = `names subscription ${rating.subscriptionId}`
      if (subscription === undefined) return `${named}, which is not there`
      if (subscription.customer !== event.customer) return `${named}, which is another customer's`
      if (subscription.effectiveFrom > event.timeMicros) return `${named}, which begins later`
      const { start } = periodOf(
        Math.floor(event.timeMicros / 1000),
        subscription.timezone,
        subscription.anchorDay,
      )
      if (start === rating.periodStart) return null
      return `names the period of ${instant(rating.periodStart)}, not ${instant(start)}`
    },
  }
}

function refOf({ tenantId, planId, planVersion }: StoredRating): readonly PlanRef[] {
  return planId === null || planVersion === null ? [] : [{ tenantId, planId, version: planVersion }]
}

function instant(millis: number | null): string {
  return millis === null ? 'none' : new Date(millis).toISOString()
}

async function readNamedSubscriptions(
  client: pg.PoolClient,
  page: readonly RatedRevision[],
): Promise<ReadonlyMap<string, Subscription>> {
  const { rows } = await client.query<Record<string, string | number>>({
    name: 'audit-subscriptions',
    text: `select subscription_id::text as id, customer_id, timezone, anchor_day,
         (extract(epoch from effective_from) * 1000000)::double precision as effective_from
       from aforo_store.subscriptions
       where (tenant_id, subscription_id) in (select * from unnest($1::text[], $2::bigint[]))`,
    values: [page.map(({ rating }) => rating.tenantId), page.map(({ rating }) => rating.subscriptionId)],
  })
  return new Map(
    rows.map((row) => [
      row.id as string,
      {
        customer: row.customer_id as string,
        timezone: row.timezone as string,
        anchorDay: row.anchor_day as number,
        effectiveFrom: row.effective_from as number,
      },
    ]),
  )
}

/** Those of the versions that are there: one that is not must not keep the others from being audited. */
async function existing(client: pg.PoolClient, refs: readonly PlanRef[]): Promise<readonly PlanRef[]> {
  const distinct = [...new Map(refs.map((ref) => [JSON.stringify(ref), ref])).values()]
  const { rows } = await client.query<PlanRef>({
    name: 'audit-plan-refs',
    text: `select tenant_id as "tenantId", plan_id as "planId", version
       from unnest($1::text[], $2::text[], $3::integer[]) as named (tenant_id, plan_id, version)
       join aforo_store.plan_versions using (tenant_id, plan_id, version)`,
    values: [
      distinct.map((ref) => ref.tenantId),
      distinct.map((ref) => ref.planId),
      distinct.map((ref) => ref.version),
    ],
  })
  return rows
}
