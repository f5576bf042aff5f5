import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { instant, listOf, ownId, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { listPlans, type PlanVersionRow, putPlan, readPlanVersion } from '../queries/plans.ts'
import { ok, route } from '../route.ts'

/** What the API adds to a plan; in a PUT these are ignored, so that what was read can be sent back. */
const added = {
  plan_id: z.string(),
  version: z.int(),
  effective_from: z.iso.datetime(),
  recorded_at: z.iso.datetime(),
}

const planFields = z.looseObject({ ...added, currency: z.string(), meters: z.array(z.looseObject({})) })

const planPath = z.object({ plan_id: ownId })

const versionNo = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
  .transform(Number)

export const planRoutes = [
  route({
    method: 'get',
    path: '/v1/plans',
    summary: 'The newest version of each plan, by id.',
    pathFields: z.object({}),
    queryFields: z.strictObject(page),
    answers: { 200: listOf(planFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, ['string'])
      const rows = await listPlans(client, tenantId, {
        after: after && String(after[0]),
        rows: query.limit + 1,
      })
      return ok(pageOf(rows, query.limit, (row) => [row.planId], showPlan))
    },
  }),
  route({
    method: 'get',
    path: '/v1/plans/{plan_id}',
    summary: 'A plan: its newest version, or the one named.',
    pathFields: planPath,
    queryFields: z.strictObject({ version: versionNo.optional() }),
    answers: { 200: planFields },
    async handle({ client, tenantId, path, query }) {
      const row = await readPlanVersion(client, tenantId, path.plan_id, query.version)
      if (!row) {
        const version = query.version === undefined ? '' : ` version ${query.version} of`
        throw new AforoError('not_found', `there is no${version} plan ${path.plan_id}`)
      }
      return ok(showPlan(row))
    },
  }),
  route({
    method: 'put',
    path: '/v1/plans/{plan_id}',
    summary:
      'Writes a plan: a body that differs makes the next version, which counts from now on, or from an instant.',
    description:
      'No version is ever changed; the latest to have begun counts. Usage before the first version is priced by the ' +
      'first. A version that begins within a period splits it: each counts, and bounds, its own usage.',
    pathFields: planPath,
    queryFields: z.strictObject({
      from: instant.optional().describe('when the version begins; not in the past'),
    }),
    bodyFields: z.looseObject({ currency: z.unknown(), meters: z.unknown() }),
    answers: { 200: planFields, 201: planFields },
    async handle({ client, tenantId, path, query: { from }, body, now, parsePlan }) {
      const written = Object.fromEntries(Object.entries(body).filter(([field]) => !(field in added)))
      const { row, isNew } = await putPlan(client, tenantId, path.plan_id, parsePlan(written), now, from)
      return { status: isNew ? 201 : 200, body: showPlan(row) }
    },
  }),
]

function showPlan(row: PlanVersionRow): z.infer<typeof planFields> {
  return {
    plan_id: row.planId,
    version: row.version,
    effective_from: rfc3339OfDatabase(row.effectiveFrom),
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    ...(row.body as object as { currency: string; meters: Record<string, unknown>[] }),
  }
}
