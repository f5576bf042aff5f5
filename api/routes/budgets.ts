import type pg from 'pg'
import { z } from 'zod'
import { subjectFields } from '../../core/budget.ts'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { defineBudget, endBudget, readVersion } from '../../schema/budgets/define.ts'
import { budgetFields, budgetOf, budgetPath } from '../budget-fields.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, listOf, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { type BudgetRow, type BudgetUse, listBudgets, readUses } from '../queries/budgets.ts'
import { ok, route } from '../route.ts'

/** Counters that are shown with a budget; the rest is a list of its own. */
const USES_SHOWN_MAX = 10

const useFields = z.object({
  subject: z.record(z.string(), z.string()).describe('whose use, by what the budget counts apart'),
  window_start: z.iso.datetime().nullable(),
  used: decimal.describe('with what open traces count for; of a floor of the margin the price'),
  limit: decimal,
  share: decimal.nullable().describe('of the limit'),
  leased: decimal.describe('given out and not used yet: leases of sidecars, and what holds hold'),
  held: decimal.describe('of that what holds hold'),
  beyond: decimal.describe(
    'of what is given out what is beyond the limit, which has fallen since it was granted',
  ),
  beyond_until: z.iso
    .datetime()
    .nullable()
    .describe('when at the latest no lease is beyond the limit any more; null where none is'),
  cogs: decimal.nullable(),
  margin_pct: decimal.nullable(),
})

/** What the API adds to a budget. */
const added = {
  budget_id: z.string(),
  version: z.int(),
  recorded_at: z.iso.datetime(),
  use: z.array(useFields).describe(`the first ${USES_SHOWN_MAX} by subject`),
  more_use: z.boolean().describe('there is more than is shown: see /v1/budgets/{budget_id}/use'),
}

const shownFields = z.looseObject({ ...added, unit: z.string(), limit: z.string(), window: z.string() })

export const budgetRoutes = [
  route({
    method: 'get',
    path: '/v1/budgets',
    summary: 'Budgets by id, each with what is used of it.',
    pathFields: z.object({}),
    queryFields: z.strictObject(page),
    answers: { 200: listOf(shownFields) },
    async handle({ client, tenantId, query, now }) {
      const after = decodeCursor(query.cursor, ['string'])
      const rows = await listBudgets(client, tenantId, {
        after: after && String(after[0]),
        rows: query.limit + 1,
      })
      const found = pageOf(
        rows,
        query.limit,
        (row) => [row.budgetId],
        (row) => row,
      )
      const data: object[] = []
      for (const row of found.data) data.push(await show(client, tenantId, row, now))
      return ok({ ...found, data })
    },
  }),
  route({
    method: 'get',
    path: '/v1/budgets/{budget_id}',
    summary: 'A budget, with what is used of it.',
    pathFields: budgetPath,
    queryFields: z.strictObject({}),
    answers: { 200: shownFields },
    async handle({ client, tenantId, path, now }) {
      return ok(await show(client, tenantId, await readBudget(client, tenantId, path.budget_id), now))
    },
  }),
  route({
    method: 'get',
    path: '/v1/budgets/{budget_id}/use',
    summary: 'What is used of a budget, by subject.',
    pathFields: budgetPath,
    queryFields: z.strictObject(page),
    answers: { 200: listOf(useFields) },
    async handle({ client, tenantId, path, query, now }) {
      const budget = await readBudget(client, tenantId, path.budget_id)
      const after = decodeCursor(query.cursor, ['string', 'string'])
      const rows = await readUses(
        client,
        tenantId,
        budget,
        { after: after && [String(after[0]), String(after[1])], rows: query.limit + 1 },
        now,
      )
      return ok(
        pageOf(
          rows,
          query.limit,
          (row) => [row.subject, row.windowStart ?? ''],
          (use) => showUse(budget, use),
        ),
      )
    },
  }),
  route({
    method: 'put',
    path: '/v1/budgets/{budget_id}',
    summary: 'Writes a budget: a body that differs makes the next version, which holds from now on.',
    description:
      'Counting goes on where scope, unit and window stay what they were. Otherwise it begins anew and is filled with ' +
      'all that was used before the answer is given.',
    pathFields: budgetPath,
    queryFields: z.strictObject({}),
    bodyFields: budgetFields,
    answers: { 200: shownFields, 201: shownFields },
    async handle({ client, tenantId, path, body, now }) {
      const { stored, isNew } = await defineBudget(client, tenantId, path.budget_id, budgetOf(body), now)
      const row = { budgetId: path.budget_id, ...stored, body: stored.body! }
      return { status: isNew ? 201 : 200, body: await show(client, tenantId, row, now) }
    },
  }),
  route({
    method: 'delete',
    path: '/v1/budgets/{budget_id}',
    summary: 'Ends a budget. What was written of it stays; a later PUT begins it anew.',
    pathFields: budgetPath,
    queryFields: z.strictObject({}),
    answers: { 200: z.object({ budget_id: z.string(), version: z.int() }) },
    async handle({ client, tenantId, path, now }) {
      const { budgetId, version } = await endBudget(client, tenantId, path.budget_id, now)
      return ok({ budget_id: budgetId, version })
    },
  }),
]

async function readBudget(client: pg.PoolClient, tenantId: TenantId, budgetId: string): Promise<BudgetRow> {
  const stored = await readVersion(client, tenantId, budgetId)
  if (stored === null || stored.body === null) {
    throw new AforoError('not_found', `there is no budget ${budgetId}`)
  }
  return { budgetId, ...stored, body: stored.body }
}

async function show(client: pg.PoolClient, tenantId: TenantId, row: BudgetRow, now: Date): Promise<object> {
  const uses = await readUses(client, tenantId, row, { after: null, rows: USES_SHOWN_MAX + 1 }, now)
  return {
    budget_id: row.budgetId,
    version: row.version,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    ...row.body,
    use: uses.slice(0, USES_SHOWN_MAX).map((use) => showUse(row, use)),
    more_use: uses.length > USES_SHOWN_MAX,
  }
}

function showUse({ body }: BudgetRow, use: BudgetUse): z.infer<typeof useFields> {
  return {
    subject: subjectFields(body, use.subject),
    window_start: use.windowStart === null ? null : rfc3339OfDatabase(use.windowStart),
    used: use.used,
    limit: use.limit,
    share: use.share,
    leased: use.leased,
    held: use.held,
    beyond: use.beyond,
    beyond_until: use.beyondUntil === null ? null : rfc3339OfDatabase(use.beyondUntil),
    cogs: use.cogs,
    margin_pct: use.marginPct,
  }
}
