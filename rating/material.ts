import type pg from 'pg'
import { type Booked, readBooked } from './booked.ts'
import type { ClaimedRevision } from './claim.ts'
import { type PlanShelf, versionAt } from './plans/plan-shelf.ts'
import type { EventMaterial } from './rate-event.ts'
import { type Enrolment, readSubscriptions } from './subscriptions.ts'

/** Reads what rating a batch needs to know: what was booked, who pays, and under which version of which plan. */
export async function readMaterial(
  client: pg.PoolClient,
  shelf: PlanShelf,
  events: readonly ClaimedRevision[],
): Promise<readonly EventMaterial[]> {
  const bookedOf = await readBooked(client, events)
  const enrolmentOf = await readSubscriptions(client, events)
  const found = events.map((event) => ({ event, booked: bookedOf(event), enrolment: enrolmentOf(event) }))
  const startsOf = await shelf.readStarts(
    client,
    found.flatMap(({ event: { tenantId }, enrolment }) =>
      typeof enrolment === 'string' ? [] : [{ tenantId, planId: enrolment.planId }],
    ),
  )
  const versioned = found.map(({ event, booked, enrolment }) => {
    if (typeof enrolment === 'string') return { event, booked, enrolment, ref: null }
    const plan = { tenantId: event.tenantId, planId: enrolment.planId }
    const version = bookedVersion(booked, enrolment) ?? versionAt(startsOf(plan), event.timeMicros)
    // A subscription to a plan that has no version is none.
    if (version === null) return { event, booked, enrolment: 'no_subscription' as const, ref: null }
    return { event, booked, enrolment, ref: { ...plan, version } }
  })
  const planOf = await shelf.readPlans(
    client,
    versioned.flatMap(({ event, booked, ref }) => [
      ...(ref ? [ref] : []),
      ...booked.charges.map(({ counter: { planId, planVersion: version } }) => ({
        tenantId: event.tenantId,
        planId,
        version,
      })),
    ]),
  )
  return versioned.map(({ event, booked, enrolment, ref }) => ({
    event,
    booked,
    planOf,
    attribution:
      typeof enrolment === 'string' || ref === null
        ? (enrolment as Exclude<typeof enrolment, Enrolment>)
        : { ...enrolment, planVersion: ref.version, plan: planOf(ref) },
  }))
}

/** An event keeps the version it was charged by, even where a new one was made to begin in its past. */
function bookedVersion({ last }: Booked, enrolment: Enrolment): number | null {
  const same = last?.subscriptionId === enrolment.subscriptionId && last.planId === enrolment.planId
  return same ? last.planVersion : null
}
