import { isDeepStrictEqual } from 'node:util'
import type { Assembly } from '../../core/assembly.ts'
import { type AssemblyDocument, assemblyToDocument } from '../../core/assembly-document.ts'
import type { CutReason, UsageTotals } from '../../core/event.ts'
import { isPlausible, nanoOfMillis, rfc3339, type UnixMillis } from '../../core/time.ts'
import type { Usage } from '../../core/usage.ts'
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
  readonly trace: DueTrace
  readonly revision: number
  readonly reason: CutReason
  /** RFC 3339; the same for every revision of the event. */
  readonly time: string
  readonly assembly: Assembly
  readonly document: AssemblyDocument
  readonly difference: UsageTotals
}

export type Assemble = (usages: readonly Usage[], context: { readonly now: bigint }) => Assembly

/**
 * The next revision of a trace from all its usage; null where nothing about it changed and nobody asked for a new one.
 * Pure: times are judged by the instant the last span was received, so that a replay judges the same.
 */
export function nextRevision(
  trace: DueTrace,
  usages: readonly Usage[],
  namedCustomer: string | null,
  earlier: EarlierRevisions | null,
  assemble: Assemble,
  settings: CutSettings,
  now: UnixMillis,
): NewRevision | null {
  const received = nanoOfMillis(trace.lastReceivedMs)
  const found = assemble(usages, { now: received })
  const assembly = named(found, namedCustomer)
  const document = assemblyToDocument(assembly)
  const isChanged =
    earlier === null || !isDeepStrictEqual(JSON.parse(JSON.stringify(document)), earlier.document)
  // After a failed cut a revision is made in any case: it takes what was listed of the failure off the list.
  if (!isChanged && !trace.completed && trace.attempts === 0) return null
  return {
    trace,
    revision: trace.revision + 1,
    reason: cutReason(trace, settings, now),
    time: trace.eventTime ?? eventTime(assembly, trace, received),
    assembly,
    document,
    difference: differenceOf(totalsOf(assembly), earlier?.totals ?? NO_TOTALS),
  }
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
function eventTime(assembly: Assembly, trace: DueTrace, received: bigint): string {
  if (isPlausible(assembly.startNano, received)) return rfc3339(assembly.startNano)
  return rfc3339(nanoOfMillis(trace.firstReceivedMs))
}
