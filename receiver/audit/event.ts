import type { Assembly } from '../../core/assembly.ts'
import { type AssemblyDocument, assemblyToDocument } from '../../core/assembly-document.ts'
import type { Findings, Gap } from '../../core/audit.ts'
import { eventIdOf } from '../../core/ids.ts'
import type { UnixNano } from '../../core/time.ts'
import { firstUnlike } from '../../core/unlike.ts'
import { LISTED_KINDS, NO_LONGER_TRUE } from '../cut/exceptions.ts'
import type { DueTrace } from '../cut/trace.ts'
import { countsOf } from './counts.ts'
import type { StoredEvent, StoredException } from './stored-events.ts'

/** What the rating lists under a kind that the cut lists too. */
const OF_THE_RATING = 'rating_failed'

/** Compares a trace's own event with what the trace amounts to. */
export function compareEvent(
  trace: DueTrace,
  assembly: Assembly,
  stored: StoredEvent | undefined,
  hasGaps: boolean,
  report: Findings,
): void {
  const about = { kind: 'event', tenantId: trace.tenantId, id: eventIdOf(trace.traceId) }
  report.count('assembly', 1)
  report.count('event_totals', stored?.revisions.length ?? 0)
  if (stored === undefined) {
    report.gap('assembly', { ...about, found: `has no revision at ${trace.eventTime}: its trace was cut` })
    return
  }
  // While a session's event had the trace its cuts made no revisions here.
  const { revisions } = stored
  const isWhole = hasGaps || revisions.every((revision, at) => revision === at)
  if (!isWhole || revisions.at(-1) !== trace.revision) {
    const found = `has revisions ${revisions.join(', ')}, not 0 to ${trace.revision}`
    report.gap('event_totals', { ...about, found })
  }
  compareStored(about, stored, assembly, 'assembly', report)
}

/** Compares the newest revision with what it should say, and the sums of all with what it says. */
export function compareStored(
  about: Omit<Gap, 'found'>,
  { newest, totals }: StoredEvent,
  assembly: Assembly,
  check: 'assembly' | 'sessions',
  report: Findings,
): void {
  if (typeof newest.document === 'string') {
    report.gap(check, { ...about, found: newest.document })
  } else if (newest.document !== null) {
    const unlike =
      documentUnlike(newest.document, assembly) ??
      firstUnlike({ ...newest, document: null }, columnsOf(assembly), 'column')
    if (unlike !== null) report.gap(check, { ...about, found: unlike })
    const miscounted = firstUnlike(totals, countsOf(newest.document), 'sum')
    if (miscounted !== null) report.gap('event_totals', { ...about, found: miscounted })
  }
}

/** Where a stored assembly is not the one it should be; null: nowhere. */
export function documentUnlike(document: AssemblyDocument, assembly: Assembly): string | null {
  return firstUnlike(spansSorted(document), spansSorted(assemblyToDocument(assembly)), 'assembly')
}

/** Which spans there were is a set. */
function spansSorted(document: AssemblyDocument): AssemblyDocument {
  return { ...document, spanIds: document.spanIds.toSorted() }
}

function columnsOf(assembly: Assembly) {
  const { customer, product, agent, session } = assembly
  const startedAt = micros(assembly.startNano)
  return { document: null, customer, product, agent, session, startedAt, endedAt: micros(assembly.endNano) }
}

function micros(nano: UnixNano): string {
  return String(nano / 1000n)
}

/** What a person closed stays closed, whatever is found again. */
export function compareExceptions(
  { tenantId }: DueTrace,
  id: string,
  { anomalies }: Assembly,
  stored: readonly StoredException[],
  report: Findings,
): void {
  const gap = (found: string) => report.gap('trace_exceptions', { kind: 'exception', tenantId, id, found })
  const listed = stored.filter(({ reason }) => reason !== OF_THE_RATING)
  const names = new Map(listed.map((exception) => [nameOf(exception), exception]))
  const wanted = new Set<string>()
  for (const anomaly of anomalies) {
    if (!LISTED_KINDS.some((kind) => kind === anomaly.kind)) continue
    wanted.add(nameOf(anomaly))
    const exception = names.get(nameOf(anomaly))
    if (exception === undefined) gap(`${nameOf(anomaly)} is not listed`)
    else if (exception.resolution === NO_LONGER_TRUE) gap(`${nameOf(anomaly)} is resolved and still true`)
    else if (!exception.open && exception.resolution === null) gap(`${nameOf(anomaly)} is closed by nobody`)
  }
  for (const exception of listed) {
    if (exception.open && !wanted.has(nameOf(exception)))
      gap(`${nameOf(exception)} is open and no longer true`)
  }
  report.count('trace_exceptions', listed.length)
}

function nameOf({ kind, spanId }: { readonly kind: string; readonly spanId: string }): string {
  return spanId === '' ? kind : `${kind} of span ${spanId}`
}
