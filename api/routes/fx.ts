import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { completeEvents } from '../../schema/completion.ts'
import { FX_RATES, readDatedRows, recordDatedRow, type StoredDatedRow } from '../../schema/dated-rows.ts'
import { decimal, decimalUpTo, listOf, name } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { currency, effective, refuseDisorder } from '../own-price-fields.ts'
import { lockName } from '../queries/lock.ts'
import { ok, route } from '../route.ts'
import { FROM_EVER, refuseEndBefore } from './own-prices.ts'

/** Rates of a tenant that are known at once: a day's rate of thirty currencies for nine years. */
const FX_RATES_MAX = 100_000

const LISTED_MAX = 1_000

const rateFields = z.object({
  fx_rate_id: z.string(),
  currency: z.string(),
  usd: decimal.describe('what one unit of the currency is worth in USD'),
  effective_from: z.iso.datetime(),
  effective_to: z.iso.datetime().nullable(),
  recorded_at: z.iso.datetime(),
  source: z.string(),
})

const foreign = currency.refine((code) => code !== 'USD', 'must be another currency than USD')

const writtenFields = z
  .strictObject({
    usd: decimalUpTo('1000000')
      .refine((text) => !/^[0.]+$/.test(text), 'must be more than 0')
      .describe('what one unit of the currency is worth in USD'),
    ...effective,
    source: name.optional().describe('who says so'),
  })
  .superRefine((body, context) =>
    refuseDisorder(body, (path, message) => context.addIssue({ code: 'custom', path: [path], message })),
  )

export const fxRoutes = [
  route({
    method: 'get',
    path: '/v1/fx',
    summary: 'What currencies are worth in USD, by currency and beginning.',
    description: `At most ${LISTED_MAX}; \`?currency=\` narrows.`,
    pathFields: z.object({}),
    queryFields: z.strictObject({ currency: foreign.optional() }),
    answers: { 200: listOf(rateFields) },
    async handle({ client, tenantId, query }) {
      const where = { tenant_id: tenantId, ...(query.currency && { currency: query.currency }) }
      const rows = await readDatedRows(client, FX_RATES, where, LISTED_MAX)
      return ok({ data: rows.map(showRate), next_cursor: null })
    },
  }),
  route({
    method: 'put',
    path: '/v1/fx/{currency}',
    summary: 'Says what a currency is worth in USD from an instant on.',
    description:
      'Append-only: a rate counts until the next one begins, and what was booked keeps the rate it was booked at. ' +
      'Without `effective_from` it counts from now on, the first of a currency for all usage before it too. Costs and ' +
      'margins that waited for it are completed.',
    pathFields: z.object({ currency: foreign }),
    queryFields: z.strictObject({}),
    bodyFields: writtenFields,
    answers: { 200: rateFields, 201: rateFields },
    async handle({ client, tenantId, path, body, now }) {
      await lockName(client, ['fx', tenantId, path.currency])
      const about = { tenant_id: tenantId, currency: path.currency }
      const known = await readDatedRows(client, FX_RATES, about, FX_RATES_MAX)
      const last = body.effective_from === undefined ? known.at(-1) : beginningAt(known, body.effective_from)
      if (last && saysTheSame(last, body)) return ok(showRate(last))
      if (known.length >= FX_RATES_MAX)
        throw new AforoError('conflict', `${FX_RATES_MAX} rates are known already`)
      const effectiveFrom = body.effective_from ?? (known.length === 0 ? FROM_EVER : now.toISOString())
      const effectiveTo = body.effective_to ?? null
      refuseEndBefore(effectiveFrom, effectiveTo)
      const says = [body.usd, body.source ?? 'api']
      const row = { series: [tenantId, path.currency], says, effectiveFrom, effectiveTo }
      const stored = await recordDatedRow(client, FX_RATES, row, now)
      const reason = `no_rate_for_${path.currency.toLowerCase()}`
      await completeEvents(client, tenantId, { kind: 'reason', reason }, now)
      return { status: 201, body: showRate(stored) }
    },
  }),
]

function beginningAt(rows: readonly StoredDatedRow[], from: string): StoredDatedRow | undefined {
  return rows.find((row) => Date.parse(row.effective_from!) === Date.parse(from))
}

function saysTheSame(row: StoredDatedRow, body: z.infer<typeof writtenFields>): boolean {
  return (
    new Decimal(row.usd!).equals(body.usd) &&
    (body.source === undefined || row.source === body.source) &&
    (body.effective_to === undefined || Date.parse(row.effective_to ?? '') === Date.parse(body.effective_to))
  )
}

function showRate(row: StoredDatedRow): z.infer<typeof rateFields> {
  return {
    fx_rate_id: row.id!,
    currency: row.currency!,
    usd: trimNumeric(row.usd!),
    effective_from: rfc3339OfDatabase(row.effective_from!),
    effective_to: row.effective_to ? rfc3339OfDatabase(row.effective_to) : null,
    recorded_at: rfc3339OfDatabase(row.recorded_at!),
    source: row.source!,
  }
}
