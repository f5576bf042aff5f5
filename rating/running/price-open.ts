import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import type { Spend } from '../../core/budget.ts'
import type { UsageTotals } from '../../core/event.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { OpenTrace } from '../../core/open-trace.ts'
import { NO_SPEND, type Placement, type SpendEntry, utcMonth } from '../../core/spending.ts'
import { microsOfRfc3339, type UnixNano } from '../../core/time.ts'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import { type Rated, REVISION_MAX, readRated } from '../../schema/budgets/rated.ts'
import type { ClaimedRevision } from '../claim.ts'
import { readCounters } from '../counter-rows.ts'
import { prepareOnce, type Sources } from '../prepare.ts'
import { type RatedEvent, settleEvent } from '../rate-event.ts'
import { readBrought } from './brought.ts'
import { UnlockedCounters } from './unlocked.ts'

/** What an open trace comes to in all, and what of that its event is rated with. */
export interface PricedTrace {
  readonly total: SpendEntry
  readonly rated: SpendEntry | null
  /** All that was cut of it is rated. */
  readonly isRated: boolean
}

/**
 * What open traces come to: by the same costs, plans and curves as a rating's, on counters that nobody moves. Of a trace
 * that has an event of its own it is what was rated and what a rating would add now. The event of a session is rated as
 * one: what a trace has brought to it is priced as the trace is.
 */
export async function priceOpen(
  client: pg.PoolClient,
  sources: Sources,
  traces: readonly OpenTrace[],
  now: Date,
): Promise<readonly PricedTrace[]> {
  const rated = await readRated(
    client,
    traces.map(({ tenantId, eventId, time }) => ({ tenantId, eventId, time, below: REVISION_MAX })),
  )
  const brought = await readBrought(client, traces, rated)
  const events = traces.map((trace, i) => asRevision(trace, trace.inSession ? null : (rated[i] ?? null), now))
  const earlier = traces.flatMap((trace, i) => {
    const document = brought[i]?.document ?? null
    return document === null ? [] : [{ i, event: { ...asRevision(trace, null, now), ...namesOf(document) } }]
  })
  const all = [...events, ...earlier.map(({ event }) => event)]
  const prepared = await prepareOnce(client, sources, all, now)
  const counters = await readCounters(
    client,
    prepared.flatMap(({ steps }) => steps.map((step) => step.counter)),
  )
  const settled = prepared.map((event) => settleEvent(event, new UnlockedCounters(counters)))
  const broughtSpend = new Map(
    earlier.map(({ i }, at) => {
      const event = settled[events.length + at]!
      return [i, spendOf(event, countsOf(event.assembly), NO_SPEND)]
    }),
  )
  return traces.map((trace, i): PricedTrace => {
    const ofEvent = rated[i] ?? null
    const placement = placementOf(trace, settled[i]!, now)
    const counts = countsOfTotals(trace.totals)
    if (!trace.inSession) {
      const spend = spendOf(settled[i]!, counts, ofEvent?.spend ?? NO_SPEND)
      const isRated = trace.revision >= 0 && ofEvent?.revision === trace.revision
      return { total: { placement, spend }, rated: ofEvent, isRated }
    }
    const spend = broughtSpend.get(i)
    return {
      total: { placement, spend: spendOf(settled[i]!, counts, NO_SPEND) },
      rated: ofEvent === null || spend === undefined ? null : { placement: ofEvent.placement, spend },
      isRated: brought[i]?.isAll === true,
    }
  })
}

/** The revision that a cut and a rating would make of a trace now. */
function asRevision(trace: OpenTrace, rated: Rated | null, now: Date): ClaimedRevision {
  const { tenantId, traceId, assembly, time } = trace
  return {
    tenantId,
    eventId: trace.eventId,
    revision: (rated?.revision ?? -1) + 1,
    attempts: 0,
    time,
    timeMicros: microsOfRfc3339(time),
    recordedAtMicros: now.getTime() * 1000,
    traceId: Buffer.from(traceId, 'hex'),
    ...namesOf(assemblyToDocument(assembly)),
  }
}

/** Whose a revision is, as its document says. */
function namesOf(document: object): Pick<ClaimedRevision, 'customer' | 'product' | 'agent' | 'document'> {
  const { customer = null, product = null, agent = null } = document as Partial<Assembly>
  return { customer, product, agent, document }
}

type Counts = Pick<Spend<Decimal>, 'tokens' | 'modelCalls' | 'toolCalls' | 'reasoningSteps'>

function spendOf(settled: RatedEvent, counts: Counts, before: Spend<Decimal>): Spend<Decimal> {
  return {
    price: before.price.plus(settled.price ?? ZERO),
    cogs: before.cogs.plus(settled.cogs),
    credits: before.credits.plus(settled.credits ?? ZERO),
    ...counts,
  }
}

function countsOfTotals(totals: UsageTotals): Counts {
  return {
    tokens: new Decimal(totals.inputTokens).plus(totals.outputTokens).plus(totals.embeddingTokens),
    modelCalls: new Decimal(totals.modelCalls),
    toolCalls: new Decimal(totals.toolCalls),
    reasoningSteps: new Decimal(totals.reasoningSteps),
  }
}

function countsOf({ calls, tools, reasoningSteps }: Assembly): Counts {
  const tokens = calls.reduce(
    (sum, { buckets }) => sum.plus(inputTokens(buckets)).plus(outputTokens(buckets)),
    ZERO,
  )
  return {
    tokens,
    modelCalls: new Decimal(calls.length),
    toolCalls: new Decimal(tools.length),
    reasoningSteps: new Decimal(reasoningSteps),
  }
}

function placementOf(
  { tenantId, traceId, assembly, time }: OpenTrace,
  rated: RatedEvent,
  now: Date,
): Placement {
  const { customer, product, agent, session } = assembly
  const { attribution } = rated
  const millis = Math.floor(microsOfRfc3339(time) / 1000)
  return {
    tenantId,
    spender: { customer, product, agent, session, trace: traceId },
    time: millis,
    monthStart: typeof attribution === 'string' ? utcMonth(millis) : attribution.periodStart,
    spentAt: spentAt(millis, assembly.endNano, now.getTime()),
  }
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const NANOS_PER_MILLI = 1_000_000n

/** As the tables' function of this name: the end if it is believed, to the minute. */
function spentAt(time: number, endNano: UnixNano, now: number): number {
  const end = Number(endNano / NANOS_PER_MILLI)
  const at = end >= time && end <= now + DAY_MS ? end : time
  return Math.floor(at / MINUTE_MS) * MINUTE_MS
}
