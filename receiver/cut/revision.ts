import { isDeepStrictEqual } from 'node:util'
import type { Assembly } from '../../core/assembly.ts'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import type { CutReason, UsageTotals } from '../../core/event.ts'
import { packAssembly } from '../../core/packed-assembly.ts'
import { isPlausible, nanoOfMillis, rfc3339, type UnixMillis } from '../../core/time.ts'
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
  readonly trace: DueTrace
  readonly revision: number
  readonly reason: CutReason
  /** RFC 3339; the same for every revision of the event. */
  readonly time: string
  readonly assembly: Assembly
  /** The assembly as its column holds it. */
  readonly document: unknown
  readonly difference: UsageTotals
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
 * The next revision of a trace from all that is known of it; null where nothing about it changed and nobody asked for
 * a new one. Pure, so that a replay comes to the same.
 */
export function nextRevision(
  trace: DueTrace,
  assembly: Assembly,
  earlier: EarlierRevisions | null,
  settings: CutSettings,
  now: UnixMillis,
): NewRevision | null {
  const received = nanoOfMillis(trace.lastReceivedMs)
  const document = packAssembly(assemblyToDocument(assembly))
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
