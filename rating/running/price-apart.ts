import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import type { Spend } from '../../core/budget.ts'
import type { TenantId, TraceId } from '../../core/ids.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { NO_SPEND } from '../../core/spending.ts'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import { type ClaimedRevision, unclaimed } from '../claim.ts'
import { readCounters } from '../counter-rows.ts'
import { prepareOnce, type Sources } from '../prepare.ts'
import { type RatedEvent, settleEvent } from '../rate-event.ts'
import { UnlockedCounters } from './unlocked.ts'

/** A trace, or what it has brought to the event of a session, to be priced by itself. */
export interface Apart {
  readonly tenantId: TenantId
  readonly traceId: TraceId
  readonly eventId: string
  /** Of that event: RFC 3339 to the microsecond. */
  readonly time: string
  /** The assembly as its column holds it. */
  readonly document: object
}

/** The first revision of an event that would be made of it. */
export function asRevision(
  { tenantId, traceId, eventId, time, document }: Apart,
  now: Date,
): ClaimedRevision {
  const { customer = null, product = null, agent = null } = document as Partial<Assembly>
  return unclaimed({ tenantId, eventId, traceId, revision: 0, time, customer, product, agent, document }, now)
}

/** Rates revisions each on the counters as they stand, which nobody moves. */
export async function rateUnlocked(
  client: pg.PoolClient,
  sources: Sources,
  revisions: readonly ClaimedRevision[],
  now: Date,
): Promise<readonly RatedEvent[]> {
  if (revisions.length === 0) return []
  const prepared = await prepareOnce(client, sources, revisions, now)
  const counters = await readCounters(
    client,
    prepared.flatMap(({ steps }) => steps.map((step) => step.counter)),
  )
  return prepared.map((event) => settleEvent(event, new UnlockedCounters(counters)))
}

/** What traces come to in every unit, each by itself, whatever the event that has it is rated with as a whole. */
export async function priceApart(
  client: pg.PoolClient,
  sources: Sources,
  traces: readonly Apart[],
  now: Date,
): Promise<readonly Spend<Decimal>[]> {
  const rated = await rateUnlocked(
    client,
    sources,
    traces.map((trace) => asRevision(trace, now)),
    now,
  )
  return rated.map((event) => spendBeyond(NO_SPEND, event))
}

/** What an event comes to by a rating of all of it, beyond what it was rated with in money. */
export function spendBeyond(before: Spend<Decimal>, rated: RatedEvent): Spend<Decimal> {
  const { calls, tools, reasoningSteps } = rated.assembly
  return {
    price: before.price.plus(rated.price ?? ZERO),
    cogs: before.cogs.plus(rated.cogs),
    credits: before.credits.plus(rated.credits ?? ZERO),
    tokens: calls.reduce(
      (sum, { buckets }) => sum.plus(inputTokens(buckets)).plus(outputTokens(buckets)),
      ZERO,
    ),
    modelCalls: new Decimal(calls.length),
    toolCalls: new Decimal(tools.length),
    reasoningSteps: new Decimal(reasoningSteps),
  }
}
