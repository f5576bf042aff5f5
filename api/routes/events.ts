import type pg from 'pg'
import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { EVENT_STATUSES } from '../../core/event.ts'
import type { TenantId } from '../../core/ids.ts'
import { decodeCursor, type Key, pageOf } from '../cursor.ts'
import { billableEvent } from '../event.ts'
import { type BillableEvent, billableEventFields } from '../event-fields.ts'
import { eventId, instant, listOf, name, page, traceId } from '../fields.ts'
import { readEventDetails } from '../queries/event-details.ts'
import { EVENT_KEY, type EventFilter, eventKey, readEventHeads } from '../queries/event-pages.ts'
import { ok, route } from '../route.ts'

const REVISIONS =
  'By default an event is shown whole: its numbers are sums over its revisions, its customer and the like are those ' +
  'of the newest. With `revisions=all` each revision is a row of its own, newest first, whose numbers are the ' +
  'difference to the revision before (`"difference": true`); they add up to the whole. Filters then look at each ' +
  'revision for itself.'

const revisions = z.literal('all').optional()

export const eventRoutes = [
  route({
    method: 'get',
    path: '/v1/events',
    summary: 'Billable events, newest first.',
    description: REVISIONS,
    pathFields: z.object({}),
    queryFields: z.strictObject({
      trace_id: traceId.optional(),
      customer: name.optional(),
      session: name.optional(),
      from: instant.optional().describe('event time, inclusive'),
      to: instant.optional().describe('event time, exclusive'),
      status: z.enum(EVENT_STATUSES).optional(),
      revisions,
      ...page,
    }),
    answers: { 200: listOf(billableEventFields) },
    async handle({ client, tenantId, query }) {
      const { trace_id, cursor, limit, revisions, ...rest } = query
      const filter = { ...rest, traceId: trace_id, allRevisions: revisions === 'all' }
      const after = decodeCursor(cursor, EVENT_KEY)
      const { heads, shown } = await readEvents(client, tenantId, filter, { after, rows: limit + 1 })
      const next = pageOf(heads, limit, eventKey, (head) => head).next_cursor
      return ok({ data: shown.slice(0, limit), next_cursor: next })
    },
  }),
  route({
    method: 'get',
    path: '/v1/events/{event_id}',
    summary: 'One billable event; with `revisions=all` the list of its revisions.',
    description: REVISIONS,
    pathFields: z.object({ event_id: eventId }),
    queryFields: z.strictObject({ revisions, ...page }),
    answers: { 200: z.union([billableEventFields, listOf(billableEventFields)]) },
    async handle({ client, tenantId, path, query }) {
      const filter = { eventId: path.event_id, allRevisions: query.revisions === 'all' }
      const after = decodeCursor(query.cursor, EVENT_KEY)
      const { heads, shown } = await readEvents(client, tenantId, filter, { after, rows: query.limit + 1 })
      if (shown.length === 0 && !after)
        throw new AforoError('not_found', `there is no event ${path.event_id}`)
      if (!filter.allRevisions) return ok(shown[0])
      const next = pageOf(heads, query.limit, eventKey, (head) => head).next_cursor
      return ok({ data: shown.slice(0, query.limit), next_cursor: next })
    },
  }),
]

/** A page of events as they are shown, with the heads they were made of. */
export async function readEvents(
  client: pg.PoolClient,
  tenantId: TenantId,
  filter: EventFilter,
  page: { after: Key | null; rows: number },
) {
  const heads = await readEventHeads(client, tenantId, filter, page)
  const details = await readEventDetails(client, tenantId, heads, filter.allRevisions)
  const shown: BillableEvent[] = heads.map((head, i) => billableEvent(head, details[i]!, filter.allRevisions))
  return { heads, shown }
}
