import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import type { Spend } from '../../core/budget.ts'
import type { TraceId } from '../../core/ids.ts'
import type { Decimal } from '../../core/money.ts'
import { minusSpend, NO_SPEND } from '../../core/spending.ts'
import { rfc3339 } from '../../core/time.ts'
import type { SpendTrace } from '../../schema/budgets/lock.ts'
import type { ClaimedRevision } from '../claim.ts'
import type { Sources } from '../prepare.ts'
import { type Apart, priceApart } from './price-apart.ts'
import { readBrought } from './rated-parts.ts'

/** Reads for which traces' sake revisions of sessions' events were made, in the order of the revisions. */
export async function readContributors(
  client: pg.PoolClient,
  events: readonly Pick<ClaimedRevision, 'tenantId' | 'eventId' | 'revision'>[],
): Promise<readonly ReadonlySet<TraceId>[]> {
  const found = events.map(() => new Set<TraceId>())
  if (events.length === 0) return found
  const { rows } = await client.query<{ no: number; trace_id: string }>({
    name: 'running_contributors',
    text: `
      select key.no::integer as no, encode(brought.trace_id, 'hex') as trace_id
      from unnest($1::text[], $2::text[], $3::integer[]) with ordinality as key (tenant_id, event_id, revision, no)
      cross join lateral (
        select trace_id from aforo_store.contributions c
        where c.tenant_id = key.tenant_id and c.event_id = key.event_id and c.event_revision = key.revision
        offset 0) brought`,
    values: [
      events.map(({ tenantId }) => tenantId),
      events.map(({ eventId }) => eventId),
      events.map(({ revision }) => revision),
    ],
  })
  for (const row of rows) found[row.no - 1]!.add(row.trace_id)
  return found
}

/** A trace that a revision of a session's event was made for. */
export interface Member extends SpendTrace {
  readonly event: ClaimedRevision
}

/**
 * By how much the revisions change what events of sessions have of traces, each trace priced by itself, before and after
 * on counters that stand where they stand now: nothing where it brought nothing else.
 */
export async function priceMembers(
  client: pg.PoolClient,
  sources: Sources,
  members: readonly Member[],
  now: Date,
): Promise<readonly Spend<Decimal>[]> {
  const keys = members.map(({ tenantId, traceId, event: { eventId, revision } }) => {
    return { tenantId, traceId, eventId, revision }
  })
  const after = await readBrought(client, keys)
  const before = await readBrought(
    client,
    keys.map((key) => ({ ...key, revision: key.revision - 1 })),
  )
  const apart: Apart[] = []
  const placeOf = ({ tenantId, traceId, event }: Member, document: object | null) => {
    if (document === null) return null
    return apart.push({ tenantId, traceId, eventId: event.eventId, time: timeOf(event), document }) - 1
  }
  const places = members.map((member, i) =>
    isDeepStrictEqual(before[i], after[i])
      ? null
      : { before: placeOf(member, before[i] ?? null), after: placeOf(member, after[i] ?? null) },
  )
  const spends = await priceApart(client, sources, apart, now)
  const spendAt = (place: number | null) => (place === null ? NO_SPEND : spends[place]!)
  return places.map((place) =>
    place === null ? NO_SPEND : minusSpend(spendAt(place.after), spendAt(place.before)),
  )
}

const NANOS_PER_MICRO = 1000n

function timeOf({ timeMicros }: ClaimedRevision): string {
  return rfc3339(BigInt(timeMicros) * NANOS_PER_MICRO)
}
