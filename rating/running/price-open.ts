import type pg from 'pg'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import type { OpenTrace } from '../../core/open-trace.ts'
import { NO_SPEND, type Placement, type SpendEntry, utcMonth } from '../../core/spending.ts'
import { microsOfRfc3339, type UnixNano } from '../../core/time.ts'
import type { RatedPart } from '../../schema/budgets/open-spend.ts'
import { readWaiting } from '../../schema/budgets/waiting.ts'
import type { Sources } from '../prepare.ts'
import type { RatedEvent } from '../rate-event.ts'
import { asRevision, rateUnlocked, spendBeyond } from './price-apart.ts'
import { readRatedParts } from './rated-parts.ts'

/** What an open trace comes to in all, and what of that ratings hold. */
export interface PricedTrace {
  readonly total: SpendEntry
  readonly parts: readonly RatedPart[]
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
  const ratedOf = await readRatedParts(client, sources, traces, now)
  const revisions = traces.map((trace, i) => {
    const revision = (ratedOf[i]!.own?.revision ?? -1) + 1
    return { ...asRevision({ ...trace, document: assemblyToDocument(trace.assembly) }, now), revision }
  })
  const settled = await rateUnlocked(client, sources, revisions, now)
  const waiting = await readWaiting(client, traces)
  return traces.map((trace, i): PricedTrace => {
    const { parts, own } = ratedOf[i]!
    const placement = placementOf(trace, settled[i]!, now)
    const spend = spendBeyond(own?.spend ?? NO_SPEND, settled[i]!)
    return { total: { placement, spend }, parts, isRated: waiting[i]!.events.length === 0 }
  })
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
