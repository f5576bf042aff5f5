import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { name } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { addProduct, type ProductSettingRow, readProducts } from '../queries/settings.ts'
import { ok, route } from '../route.ts'

const groupBy = z
  .enum(['trace', 'session'])
  .describe('one billable event for each trace, or one for the traces of each session')

const productFields = z.object({ product: z.string(), group_by: groupBy, recorded_at: z.iso.datetime() })

const productPath = z.object({ product: name })

export const productRoutes = [
  route({
    method: 'get',
    path: '/v1/products',
    summary: 'How traces become events, of each product for which that was decided. Of all others by trace.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: z.object({ data: z.array(productFields), next_cursor: z.null() }) },
    async handle({ client, tenantId }) {
      const rows = await readProducts(client, tenantId)
      return ok({ data: rows.map(showProduct), next_cursor: null })
    },
  }),
  route({
    method: 'get',
    path: '/v1/products/{product}',
    summary: 'How the traces of a product become events.',
    pathFields: productPath,
    queryFields: z.strictObject({}),
    answers: { 200: productFields },
    async handle({ client, tenantId, path }) {
      const [row] = await readProducts(client, tenantId, path.product)
      if (!row) throw new AforoError('not_found', `nothing was decided about product ${path.product}`)
      return ok(showProduct(row))
    },
  }),
  route({
    method: 'put',
    path: '/v1/products/{product}',
    summary: 'Decides how the traces of a product become events.',
    description:
      'The product is named as its spans name it. Counts for traces of which the first span is received from now on; ' +
      'traces that came before stay in the events that have them, with their late spans.',
    pathFields: productPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({ group_by: groupBy }),
    answers: { 200: productFields },
    async handle({ client, tenantId, path, body, now }) {
      const [known] = await readProducts(client, tenantId, path.product)
      if (known?.groupBy === body.group_by) return ok(showProduct(known))
      return ok(showProduct(await addProduct(client, tenantId, path.product, body.group_by, now)))
    },
  }),
]

function showProduct(row: ProductSettingRow): z.infer<typeof productFields> {
  return {
    product: row.productId,
    group_by: groupBy.parse(row.groupBy),
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}
