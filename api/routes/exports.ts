import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { openExport } from '../exports/export.ts'
import { EXPORT_TYPES, type ExportFormat } from '../exports/format.ts'
import { EXPORT_NAMES, EXPORTS } from '../exports/kinds.ts'
import { instant, name } from '../fields.ts'
import { longRoute } from '../long-route.ts'

const TYPES = Object.values(EXPORT_TYPES)

export const exportRoutes = [
  longRoute({
    method: 'get',
    path: '/v1/exports/{export}',
    summary: 'All rows of a kind, as CSV or JSON lines, as they are at one instant.',
    description: [
      ...Object.entries(EXPORTS).map(([kind, { summary }]) => `\`${kind}\`: ${summary}`),
      '`Accept` chooses: text/csv (RFC 4180, the default) or application/x-ndjson; gzip where it is accepted. Written as ' +
        'it is read, and no faster than it is taken; a body that breaks off is not whole.',
    ].join('\n\n'),
    pathFields: z.object({ export: z.enum(EXPORT_NAMES, `must be one of ${EXPORT_NAMES.join(', ')}`) }),
    queryFields: z.strictObject({
      from: instant.optional().describe('inclusive; of the event, or of when a posting was recorded'),
      to: instant.optional().describe('exclusive'),
      customer: name.optional(),
    }),
    answers: { 200: z.string() },
    streams: TYPES,
    async run({ tenantId, pool, path, query, accepts, signal }) {
      const type = accepts(TYPES)
      const format = (Object.keys(EXPORT_TYPES) as ExportFormat[]).find((each) => EXPORT_TYPES[each] === type)
      if (!format) throw new AforoError('invalid_argument', `an export is ${TYPES.join(' or ')}`)
      const { from = null, to = null, customer = null } = query
      const order = { tenantId, name: path.export, format, from, to, customer }
      return {
        type: EXPORT_TYPES[format],
        fileName: `${path.export}.${format}`,
        stream: await openExport(pool, order, signal),
      }
    },
  }),
]
