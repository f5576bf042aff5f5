import type pg from 'pg'
import type { AuditReport } from '../../core/audit.ts'
import { findingsOf } from '../findings.ts'
import { nameOf } from '../name.ts'
import type { RatedAgain } from './event.ts'

/** Kinds of exceptions that only the rating lists. */
const RATING_KINDS = ['unpriced', 'unattributed', 'cost_drift'] as const

/** `resolution` of an exception that a fact completed. Such a one may come back; what a person closed stays so. */
const COMPLETED = 'completed'

/** An exception that the rating listed, open or resolved. */
export interface ListedFinding {
  readonly kind: string
  readonly provider: string | null
  readonly model: string | null
  readonly reason: string
  readonly open: boolean
  readonly resolution: string | null
}

interface Named {
  readonly tenantId: string
  readonly eventId: string
}

/** What is listed of events, by `nameOf(tenant, event)`. */
export async function readListed(
  client: pg.PoolClient,
  events: readonly Named[],
): Promise<ReadonlyMap<string, readonly ListedFinding[]>> {
  const { rows } = await client.query<ListedFinding & Named>({
    name: 'audit-findings',
    text: `select x.tenant_id as "tenantId", x.event_id as "eventId", x.kind, x.provider, x.model, x.reason,
         x.resolved_at is null as open, x.resolution
       from unnest($1::text[], $2::text[]) as event (tenant_id, event_id)
       join aforo_store.exceptions x on x.tenant_id = event.tenant_id and x.event_id = event.event_id
       where x.kind = any ($3)`,
    values: [events.map((event) => event.tenantId), events.map((event) => event.eventId), RATING_KINDS],
  })
  return Map.groupBy(rows, (row) => nameOf(row.tenantId, row.eventId))
}

/**
 * Compares what is listed of an event with what its rating finds. Of an event that costs what its spans reported it is
 * not booked what the price book made of it, so that the two had drifted apart is not found again.
 */
export function compareFindings(
  { rated, asReported }: RatedAgain,
  allListed: readonly ListedFinding[],
  report: AuditReport,
): void {
  const isCompared = ({ kind }: { readonly kind: string }) =>
    asReported ? kind !== 'cost_drift' : RATING_KINDS.some((known) => known === kind)
  const listed = allListed.filter(isCompared)
  const { tenantId, eventId } = rated.event
  const gap = (found: string) =>
    report.gap('rating_exceptions', { kind: 'exception', tenantId, id: eventId, found })
  const found = findingsOf(rated).filter(isCompared)
  const bySubject = new Map(listed.map((each) => [subjectOf(each), each]))
  for (const finding of found) {
    const told = bySubject.get(subjectOf(finding))
    bySubject.delete(subjectOf(finding))
    if (told === undefined) gap(`${words(finding)} is not listed`)
    else if (told.resolution === COMPLETED) gap(`${words(finding)} is resolved and still true`)
    else if (!told.open && told.resolution === null) gap(`${words(finding)} is closed by nobody`)
    else if (told.open && told.reason !== finding.reason)
      gap(`${words(finding)} is listed for ${told.reason}, not ${finding.reason}`)
  }
  for (const told of bySubject.values()) if (told.open) gap(`${words(told)} is open and no longer true`)
  report.count('rating_exceptions', listed.length)
}

type Subject = Pick<ListedFinding, 'kind' | 'provider' | 'model'>

function subjectOf({ kind, provider, model }: Subject): string {
  return nameOf(kind, provider, model)
}

function words({ kind, provider, model }: Subject): string {
  return model === null ? kind : `${kind} ${provider ?? '?'}/${model}`
}
