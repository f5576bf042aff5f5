import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { lines, name } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import {
  addProvider,
  type ProviderSettingRow,
  putSettings,
  readProviders,
  readSettings,
} from '../queries/settings.ts'
import { ok, route } from '../route.ts'

const mirrors = z
  .enum(['by_id', 'by_id_and_place'])
  .describe(
    'how calls that several traces tell of are found: by an id no two calls share, or also by process, time and tokens',
  )

const PAYMENT_DAYS_MAX = 365

const seller = z
  .strictObject({
    name: name.optional().describe('legal name'),
    address: lines.optional(),
    tax_id: name.optional(),
    payment_days: z
      .int()
      .min(0)
      .max(PAYMENT_DAYS_MAX)
      .optional()
      .describe('days until an invoice is due; default 30'),
  })
  .describe('who sells, as invoices say from their finalisation on; replaced as a whole')

const settings = z.object({ mirrors, seller: seller.nullable() })

const cogs = z
  .enum(['computed', 'reported'])
  .describe('what the price book makes of a call, or what its spans report that it cost')

const providerFields = z.object({ provider: z.string(), cogs, recorded_at: z.iso.datetime() })

const providerPath = z.object({ provider: name })

export const settingRoutes = [
  route({
    method: 'get',
    path: '/v1/settings',
    summary: 'What the tenant has decided.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: settings },
    async handle({ client, tenantId }) {
      return ok(await settingsNow(client, tenantId))
    },
  }),
  route({
    method: 'put',
    path: '/v1/settings',
    summary: 'Decides for the tenant. What is left out stays as it is.',
    description: '`mirrors` counts for traces that are cut from now on; events are not gone through again.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({ mirrors: mirrors.optional(), seller: seller.optional() }),
    answers: { 200: settings },
    async handle({ client, tenantId, body, now }) {
      const before = await settingsNow(client, tenantId)
      if (isDeepStrictEqual({ ...before, ...body }, before)) return ok(before)
      await putSettings(client, tenantId, body, now)
      return ok(await settingsNow(client, tenantId))
    },
  }),
  route({
    method: 'get',
    path: '/v1/providers',
    summary:
      'Which cost is COGS, of each provider for which that was decided. Of all others it is the computed one.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: z.object({ data: z.array(providerFields), next_cursor: z.null() }) },
    async handle({ client, tenantId }) {
      const rows = await readProviders(client, tenantId)
      return ok({ data: rows.map(showProvider), next_cursor: null })
    },
  }),
  route({
    method: 'get',
    path: '/v1/providers/{provider}',
    summary: 'Which cost of a provider is COGS.',
    pathFields: providerPath,
    queryFields: z.strictObject({}),
    answers: { 200: providerFields },
    async handle({ client, tenantId, path }) {
      const [row] = await readProviders(client, tenantId, path.provider)
      if (!row) throw new AforoError('not_found', `nothing was decided about provider ${path.provider}`)
      return ok(showProvider(row))
    },
  }),
  route({
    method: 'put',
    path: '/v1/providers/{provider}',
    summary: 'Decides which cost of a provider is COGS.',
    description:
      'The provider is named as the spans name it. Counts for calls that are costed from now on; what was booked keeps ' +
      'its cost. A call that reports no cost has the computed one.',
    pathFields: providerPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({ cogs }),
    answers: { 200: providerFields },
    async handle({ client, tenantId, path, body, now }) {
      const [known] = await readProviders(client, tenantId, path.provider)
      if (known?.cogs === body.cogs) return ok(showProvider(known))
      return ok(showProvider(await addProvider(client, tenantId, path.provider, body.cogs, now)))
    },
  }),
]

async function settingsNow(client: pg.PoolClient, tenantId: string) {
  const row = await readSettings(client, tenantId)
  return { mirrors: row?.mirrors ?? 'by_id_and_place', seller: row?.seller ?? null }
}

function showProvider(row: ProviderSettingRow): z.infer<typeof providerFields> {
  return {
    provider: row.provider,
    cogs: cogs.parse(row.cogs),
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}
