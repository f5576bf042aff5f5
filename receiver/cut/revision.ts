import { isDeepStrictEqual } from 'node:util'
import type { Assembly } from '../../core/assembly.ts'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import type { CutReason, UsageTotals } from '../../core/event.ts'
import { eventIdOf, type TenantId, type TraceId } from '../../core/ids.ts'
import { packAssembly } from '../../core/packed-assembly.ts'
import { isPlausible, nanoOfMillis, rfc3339, type UnixMillis, type UnixNano } from '../../core/time.ts'
import type { Usage } from '../../core/usage.ts'
import { type StatedUsage, withStatedUsage } from '../assemble/stated.ts'
import { cutReason } from './reason.ts'
import type { CutSettings } from './settings.ts'
import { differenceOf, NO_TOTALS, totalsOf } from './totals.ts'
import type { DueTrace } from './trace.ts'

/** What of a trace's earlier revisions counts: the sum of their differences, and the assembly of the newest. */
export interface EarlierRevisions {
  readonly totals: UsageTotals
  readonly document: unknown
}

/** A revision to be written. */
export interface NewRevision {
  readonly tenantId: TenantId
  readonly eventId: string
  /** The event's trace; of a session's event the first. */
  readonly traceId: TraceId
  readonly revision: number
  readonly reason: CutReason
  /** RFC 3339; the same for every revision of the event. */
  readonly time: string
  readonly assembly: Assembly
  /** The assembly as its column holds it. */
  readonly document: unknown
  readonly difference: UsageTotals
}

/** What a cut changed of a trace. */
export interface TraceCut {
  readonly trace: DueTrace
  readonly assembly: Assembly
  /** The event that has the trace now. */
  readonly eventId: string
  readonly eventTime: string
  /** Whether that is a session's. */
  readonly inSession: boolean
  /** The event that had it before, where that was another. */
  readonly movedFrom: string | null
}

export type Assemble = (usages: readonly Usage[], context: { readonly now: bigint }) => Assembly

/** What a trace amounts to on its own. Pure: times are judged by the instant the last span was received. */
export function assembleTrace(
  trace: DueTrace,
  usages: readonly Usage[],
  facts: StatedFacts,
  assemble: Assemble,
): Assembly {
  const context = { now: nanoOfMillis(trace.lastReceivedMs) }
  const found = assemble(usages, context)
  return named(withStatedUsage(found, facts.usage, usages, context), facts.customer)
}

/** What a person stated of a trace. */
export interface StatedFacts {
  readonly customer: string | null
  readonly usage: readonly StatedUsage[]
}

/**
 * The next revision of a trace's own event from all that is known of it; null where nothing about it changed and nobody
 * asked for a new one. Pure, so that a replay comes to the same.
 */
export function nextRevision(
  trace: DueTrace,
  assembly: Assembly,
  earlier: EarlierRevisions | null,
  settings: CutSettings,
  now: UnixMillis,
): NewRevision | null {
  const document = packedDocument(assembly)
  if (earlier !== null && isSameDocument(document, earlier.document) && !isDemanded(trace)) return null
  return ownRevision(trace, assembly, earlier, cutReason(trace, settings, now), trace.eventTime)
}

/** A revision of a trace's own event, numbered by the trace's cuts. */
export function ownRevision(
  trace: DueTrace,
  assembly: Assembly,
  earlier: EarlierRevisions | null,
  reason: CutReason,
  time: string | null,
): NewRevision {
  return {
    tenantId: trace.tenantId,
    eventId: eventIdOf(trace.traceId),
    traceId: trace.traceId,
    revision: trace.revision + 1,
    reason,
    time: time ?? rfc3339(eventNano(assembly, trace)),
    assembly,
    document: packedDocument(assembly),
    difference: differenceOf(totalsOf(assembly), earlier?.totals ?? NO_TOTALS),
  }
}

/**
 * Whether a revision is wanted even if nothing changed: a fact arrived, or the last cut failed, as then a revision takes
 * what was listed of the failure off the list.
 */
export function isDemanded(trace: DueTrace): boolean {
  return trace.completed || trace.attempts > 0
}

/** An assembly as the column of its event holds it. */
export function packedDocument(assembly: Assembly): unknown {
  return packAssembly(assemblyToDocument(assembly))
}

/** Whether a document is the one that a column gave back. */
export function isSameDocument(document: unknown, stored: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(document)), stored)
}

/** A customer named by hand fills in where no span names one. */
function named(assembly: Assembly, customer: string | null): Assembly {
  if (assembly.customer !== null || customer === null) return assembly
  return {
    ...assembly,
    customer,
    anomalies: assembly.anomalies.filter(({ kind }) => kind !== 'unattributed'),
  }
}

/** Where the trace began; where that is not believed, when we first heard of it. */
export function eventNano(assembly: Assembly, trace: DueTrace): UnixNano {
  const received = nanoOfMillis(trace.lastReceivedMs)
  return isPlausible(assembly.startNano, received) ? assembly.startNano : nanoOfMillis(trace.firstReceivedMs)
}
