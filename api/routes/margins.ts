import { z } from 'zod'
import { Decimal, percentOf, trimNumeric } from '../../core/money.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { cursor, decimal, instant, limit, listOf } from '../fields.ts'
import {
  GROUPING_NAMES,
  type Grouping,
  MARGIN_KEY,
  type MarginRow,
  marginKey,
  readMargins,
} from '../queries/margins.ts'
import { ok, route } from '../route.ts'
import { type Column, grouped, money, textTable } from '../text-table.ts'

const marginFields = z.object({
  key: z.string().nullable().describe('null: what belongs to none'),
  provider: z.string().nullable().optional().describe('with group_by=model'),
  calls: z.int(),
  cogs: decimal.nullable().describe('null while any call or tool of the group is unpriced'),
  cogs_known: decimal.optional().describe('where cogs is null: the part that is known'),
  revenue: decimal
    .nullable()
    .describe('null while some of it is in a currency without a rate, or made of a cost that is unknown'),
  revenue_known: decimal.optional().describe('where revenue is null: the part that is known'),
  margin: decimal.nullable(),
  margin_pct: decimal.nullable(),
  unpriced_calls: z.int(),
  coverage_pct: decimal.nullable().describe('share of the calls whose cost is known'),
})
type Margin = z.infer<typeof marginFields>

export const marginRoutes = [
  route({
    method: 'get',
    path: '/v1/margins',
    summary: 'Cost, revenue and margin by model, provider, customer, product, agent or day (UTC).',
    description:
      'In USD, whatever currencies plans are in. In the order of the keys. What belongs to no key, such as tools in `group_by=model`, is a row with the key ' +
      'null, so that the rows add up to everything. `Accept: text/plain` gives a table.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      group_by: z.enum(GROUPING_NAMES),
      from: instant.optional().describe('event time, inclusive'),
      to: instant.optional().describe('event time, exclusive'),
      limit,
      cursor: cursor.optional(),
    }),
    answers: { 200: listOf(marginFields) },
    hasText: true,
    async handle({ client, tenantId, query, wantsText }) {
      const after = decodeCursor(query.cursor, MARGIN_KEY)
      const wanted = { groupBy: query.group_by, from: query.from, to: query.to, after, rows: query.limit + 1 }
      const rows = await readMargins(client, tenantId, wanted)
      const margins = pageOf(rows, query.limit, marginKey, (row) => showMargin(row, query.group_by))
      return ok(wantsText ? textTable(columnsOf(query.group_by), margins.data) : margins)
    },
  }),
]

function showMargin(row: MarginRow, groupBy: Grouping): Margin {
  const known = new Decimal(row.cogs)
  const revenue = new Decimal(row.revenue)
  const calls = Number(row.calls)
  const unpriced = Number(row.unpricedCalls)
  const isRevenueKnown = Number(row.unconverted) === 0 && Number(row.uncharged) === 0
  const isCostKnown = unpriced === 0 && Number(row.unpriced) === 0
  const margin = isCostKnown && isRevenueKnown ? revenue.minus(known) : null
  return {
    key: row.key,
    ...(groupBy === 'model' && { provider: row.second }),
    calls,
    cogs: isCostKnown ? trimNumeric(row.cogs) : null,
    ...(!isCostKnown && { cogs_known: trimNumeric(row.cogs) }),
    revenue: isRevenueKnown ? trimNumeric(row.revenue) : null,
    ...(!isRevenueKnown && { revenue_known: trimNumeric(row.revenue) }),
    margin: margin?.toFixed() ?? null,
    margin_pct: margin && percentOf(margin, revenue),
    unpriced_calls: unpriced,
    coverage_pct: percentOf(new Decimal(calls - unpriced), new Decimal(calls)),
  }
}

function columnsOf(groupBy: Grouping): Column<Margin>[] {
  const right = (head: string, text: (row: Margin) => string): Column<Margin> => ({
    head,
    align: 'right',
    text,
  })
  const amount = (value: string | null) => (value === null ? 'unknown' : money(value, 'USD'))
  return [
    { head: groupBy.toUpperCase(), align: 'left', text: (row) => row.key ?? '(none)' },
    ...(groupBy === 'model'
      ? [{ head: 'PROVIDER', align: 'left' as const, text: (row: Margin) => row.provider ?? '' }]
      : []),
    right('CALLS', (row) => grouped(String(row.calls))),
    right('COGS', (row) => amount(row.cogs)),
    right('REVENUE', (row) => amount(row.revenue)),
    right('MARGIN', (row) => amount(row.margin)),
    right('MARGIN %', (row) => row.margin_pct ?? ''),
    right('COVERAGE %', (row) => row.coverage_pct ?? ''),
  ]
}
