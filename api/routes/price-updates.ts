import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { DEFAULT_TENANT, type TenantId } from '../../core/ids.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { NOTICE_KINDS } from '../../core/price-updates.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, listOf, name, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import {
  type ListedProposal,
  listProposals,
  PROPOSAL_STATES,
  readListedProposal,
} from '../queries/proposals.ts'
import { type Call, ok, route } from '../route.ts'

/** A catalogue is larger than anything else that is sent: genai-prices has half a million bytes, LiteLLM's map three. */
const CATALOGUE_BYTES_MAX = 16 * 1024 * 1024

const time = z.iso.datetime()
const fault = z.object({ path: z.string(), message: z.string() })

const reportFields = z.object({
  import_id: z.string(),
  source: z.string(),
  source_digest: z.string().describe('SHA-256, hex'),
  rows: z.int(),
  accepted: z.int().describe('proposals that were taken in at once'),
  held: z.int().describe('proposals that wait for a person'),
  superseded: z.int().describe('open proposals that the catalogue no longer makes'),
  flags: z.array(fault).describe('prices that were not read as they stand'),
  refused: z.array(fault).describe('what is not believed: of such models nothing is proposed'),
})

const termsFields = {
  unit_price: decimal,
  per: decimal,
  fee_basis: z.string(),
  min_quantity: decimal.nullable(),
  rounding_quantity: decimal.nullable(),
}

const changeFields = z.object({
  meter: z.string(),
  service_tier: z.string(),
  region: z.string(),
  context_from: decimal,
  context_inclusive: z.boolean(),
  schedule: z
    .object({ tz: z.string(), weekdays: z.array(z.number()), from: z.string(), to: z.string() })
    .nullable(),
  from: z.string().nullable().describe('null: from when it is decided'),
  to: z.string().nullable(),
  old: z.object({ price_row_id: z.string(), ...termsFields }).nullable(),
  new: z.object({ ...termsFields, derived: z.boolean(), source: z.string() }).nullable(),
  ratio: decimal.nullable().describe('new by old'),
  second: z.array(decimal).describe('what the second catalogue lists, per million units'),
})

const proposalFields = z.object({
  proposal_id: z.string(),
  kind: z.enum(['new_model', 'new_meter', 'change', 'revocation', 'back_dated', 'upstream_missing']),
  provider: z.string(),
  model: z.string(),
  changes: z.array(changeFields),
  held: z.array(z.string()).describe('why it waits for a person; empty: it was accepted by itself'),
  cogs_share: decimal.describe('the model’s share of the 30 days’ COGS before the proposal'),
  effect: z
    .object({ events: z.int(), customers: z.int(), usd: decimal })
    .nullable()
    .describe('what approving a back-dated price adjusts'),
  source: z.string(),
  source_digest: z.string(),
  second_source: z.string().nullable(),
  recorded_at: time,
  decision: z
    .object({
      decision: z.enum(['accepted', 'approved', 'rejected', 'superseded', 'revoked']),
      by: z.string(),
      reason: z.string().nullable(),
      at: time,
      price_row_ids: z.array(z.string()),
    })
    .nullable(),
})

const noticeFields = z.object({
  kind: z.enum(NOTICE_KINDS),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  proposal_id: z.string().nullable(),
  at: time,
  message: z.string(),
})

const importFields = z.strictObject({
  name: name.default('api').describe('how imports of one origin are told from those of others'),
  document: z
    .unknown()
    .optional()
    .describe('data of genai-prices, or {"prices": […]}; absent: the catalogue of the settings is pulled'),
  against: z.unknown().optional().describe('a second catalogue'),
  allow_fewer: z.boolean().default(false).describe('take a file that has lost more than 2% of its rows'),
})

const decisionFields = z.strictObject({
  by: name.default('api').describe('who decides'),
  reason: z.string().min(1).max(1_000).optional(),
})

const PROPOSAL_KEY = ['string'] as const

export const priceUpdateRoutes = [
  route({
    method: 'post',
    path: '/v1/prices/import',
    summary: 'Compares a catalogue with the book: takes in what is small, proposes the rest.',
    description:
      'The catalogue is everybody’s, so only the tenant `default` may send one or decide. A file that is not to be believed is refused with a fault per path, and nothing is written.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: importFields,
    bodyBytesMax: CATALOGUE_BYTES_MAX,
    answers: { 200: reportFields },
    async handle({ client, tenantId, body, now, prices }) {
      refuseOthers(tenantId)
      const { document, against, name: from, allow_fewer: allowFewer } = body
      if (document === undefined && against !== undefined) {
        const faults = [{ path: '/against', message: 'needs a document' }]
        throw new AforoError('invalid_argument', '/against needs a document', { faults })
      }
      return ok(
        document === undefined
          ? await prices.pull(client, { allowFewer }, now)
          : await prices.importDocument(client, { name: from, document, against, allowFewer }, now),
      )
    },
  }),
  route({
    method: 'get',
    path: '/v1/prices/proposals',
    summary: 'What catalogues propose, and what was decided; the newest first.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      state: z.enum(PROPOSAL_STATES).default('open'),
      provider: name.optional(),
      model: name.optional(),
      ...page,
    }),
    answers: { 200: listOf(proposalFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, PROPOSAL_KEY)?.[0] ?? null
      const { state, provider, model, limit } = query
      const wanted = { state, provider, model, after: after === null ? null : String(after), rows: limit + 1 }
      const rows = await listProposals(client, wanted)
      return ok(
        pageOf(
          rows,
          limit,
          (row) => [row.proposalId],
          (row) => showProposal(row, tenantId),
        ),
      )
    },
  }),
  route({
    method: 'post',
    path: '/v1/prices/proposals/{proposal_id}/approve',
    summary:
      'Takes a proposal in. A back-dated price adjusts costs that were booked, by entries of their own.',
    pathFields: z.object({ proposal_id: z.string() }),
    queryFields: z.strictObject({}),
    bodyFields: decisionFields,
    answers: { 200: proposalFields },
    handle: (call) => decide(call, (order) => call.prices.approve(call.client, order, call.now)),
  }),
  route({
    method: 'post',
    path: '/v1/prices/proposals/{proposal_id}/reject',
    summary: 'Says no to a proposal, or takes one back whose prices have not begun.',
    pathFields: z.object({ proposal_id: z.string() }),
    queryFields: z.strictObject({}),
    bodyFields: decisionFields,
    answers: { 200: proposalFields },
    handle: (call) => decide(call, (order) => call.prices.reject(call.client, order, call.now)),
  }),
  route({
    method: 'get',
    path: '/v1/prices/notices',
    summary: 'What somebody should know about prices: pending and recent changes of models in use, and more.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: z.object({ data: z.array(noticeFields) }) },
    async handle({ client, tenantId, now, prices }) {
      return ok({ data: await prices.notices(client, tenantId, now) })
    },
  }),
]

async function decide(
  call: Call<{ proposal_id: string }, unknown, z.infer<typeof decisionFields>>,
  work: (order: { proposalId: string; by: string; reason: string | null }) => Promise<void>,
) {
  refuseOthers(call.tenantId)
  const proposalId = call.path.proposal_id
  await work({ proposalId, by: call.body.by, reason: call.body.reason ?? null })
  return ok(showProposal((await readListedProposal(call.client, proposalId))!, call.tenantId))
}

/** A price of the catalogue is a cost of every tenant. */
function refuseOthers(tenantId: TenantId): void {
  if (tenantId === DEFAULT_TENANT) return
  throw new AforoError(
    'permission_denied',
    'the catalogue is everybody’s: only the tenant `default` decides on it',
  )
}

function showProposal(row: ListedProposal, tenantId: TenantId): z.infer<typeof proposalFields> {
  return {
    proposal_id: row.proposalId,
    kind: row.kind as z.infer<typeof proposalFields>['kind'],
    provider: row.provider,
    model: row.model,
    changes: row.changes.map((change) => ({
      ...change,
      schedule: change.schedule && { ...change.schedule, weekdays: [...change.schedule.weekdays] },
      second: [...change.second],
    })),
    held: [...row.held],
    cogs_share: trimNumeric(row.cogsShare),
    effect: row.kind === 'back_dated' ? effectOf(row, tenantId) : null,
    source: row.source,
    source_digest: row.sourceDigest,
    second_source: row.secondSource,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    decision:
      row.decision === null
        ? null
        : {
            decision: row.decision as NonNullable<z.infer<typeof proposalFields>['decision']>['decision'],
            by: row.decidedBy!,
            reason: row.reason,
            at: rfc3339OfDatabase(row.decidedAt!),
            price_row_ids: [...row.priceRowIds],
          },
  }
}

/** Who decides sees what it comes to for all, others what it comes to for them. */
function effectOf({ effects }: ListedProposal, tenantId: TenantId) {
  const own = tenantId === DEFAULT_TENANT ? effects : effects.filter(({ tenant }) => tenant === tenantId)
  return {
    events: own.reduce((sum, { events }) => sum + events, 0),
    customers: own.reduce((sum, { customers }) => sum + customers, 0),
    usd: own.reduce((sum, { usd }) => sum.plus(usd), new Decimal(0)).toFixed(),
  }
}
