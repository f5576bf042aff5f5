import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { anatomy } from '../anatomy.ts'
import { billableEventFields } from '../event-fields.ts'
import { traceId } from '../fields.ts'
import { isTraceOpen } from '../queries/traces.ts'
import { ok, route } from '../route.ts'
import { readEvents } from './events.ts'

export const traceRoutes = [
  route({
    method: 'get',
    path: '/v1/traces/{trace_id}',
    summary: 'The anatomy of a trace: its billable event.',
    description:
      'The fields of the event of the trace; `events` lists all of its events. `Accept: text/plain` gives a table.',
    pathFields: z.object({ trace_id: traceId }),
    queryFields: z.strictObject({}),
    answers: { 200: billableEventFields.extend({ events: z.array(billableEventFields) }) },
    hasText: true,
    async handle({ client, tenantId, path, wantsText }) {
      const filter = { traceId: path.trace_id, allRevisions: false }
      const { shown } = await readEvents(client, tenantId, filter, { after: null, rows: 1 })
      const [event] = shown
      if (!event) {
        const isOpen = await isTraceOpen(client, tenantId, path.trace_id)
        const why = isOpen ? `trace ${path.trace_id} is still open` : `there is no trace ${path.trace_id}`
        throw new AforoError('not_found', why)
      }
      return ok(wantsText ? anatomy(event) : { ...event, events: shown })
    },
  }),
]
