import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { KILL_KINDS, type KillKind } from '../../core/decision.ts'
import { AforoError } from '../../core/errors.ts'
import { faultsOf } from '../../core/faults.ts'
import type { TenantId } from '../../core/ids.ts'
import type { AskedHold, Exchange } from '../../core/lease.ts'
import type { AskedSpender } from '../../schema/budgets/spenders.ts'
import { TEXT_CHARACTERS_MAX } from '../../schema/copy-writer.ts'
import { KEY_ROLES } from '../../schema/keys.ts'
import { BATCH_MAX } from './batcher.ts'
import type { Centre, Change } from './centre.ts'

/** Lines of changes a sidecar leaves unread at most; then it is to come again. */
const CHANGES_UNREAD_BYTES_MAX = 1_048_576
/** While nothing changes, a line so often tells that nothing did. */
export const BEAT_MS = 500

const name = z.string().min(1).max(256)
const orNull = name.nullable()
/** As the journal keeps it. */
const keptName = z.string().min(1).max(TEXT_CHARACTERS_MAX)
const keptOrNull = keptName.nullable()
const amount = z.string().regex(/^\d{1,20}(\.\d{1,18})?$/)
const counter = z.strictObject({
  budgetId: z.string().max(64),
  counting: z.int(),
  subject: z.string().max(2048),
  windowStart: z.string().regex(/^(-infinity|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)$/),
})
const spender = z.strictObject({
  customer: orNull,
  product: keptOrNull,
  agent: keptOrNull,
  session: keptOrNull,
  trace: orNull,
})
const askedSpender = spender.extend({ startedAt: z.int().optional() })
const spenders = z.array(askedSpender).max(BATCH_MAX)
const rates = z.strictObject({ call: amount, input: amount, output: amount, tool: amount }).nullable()
const card = z.strictObject({ price: rates, cogs: rates, credits: rates, contextTokens: z.int().nullable() })
const actual = z.record(z.string().max(32), amount)
const end = z.strictObject({ holdId: name, actual: actual.nullable() })
const hold = z.strictObject({
  holdId: name,
  spender,
  model: orNull,
  heldBy: z.enum(['price', 'estimate']),
  card,
  isWork: z.boolean().optional(),
  end: end.nullable(),
  takes: z.array(z.strictObject({ counter, leaseId: z.string().max(512).nullable(), amount })).max(1_000),
  msLeft: z.int().max(86_400_000),
})
const asked = z.array(z.strictObject({ sidecarId: name, hold })).max(BATCH_MAX)
const exchange = z.strictObject({
  sidecarId: name,
  seq: z.int().min(1),
  holds: z.array(hold),
  ends: z.array(end),
  orders: z.array(
    z.strictObject({
      counter,
      leaseId: z.string().max(512).nullable(),
      target: amount,
      need: amount,
      least: amount,
    }),
  ),
})
const kill = z.strictObject({
  kind: z.enum(KILL_KINDS),
  id: keptName,
  reason: z.string().max(256).nullable(),
})
const rateQuestion = z.strictObject({ customer: name, product: keptOrNull, agent: keptOrNull, model: orNull })
const credentials = z.strictObject({
  authorization: z.string().max(1_024).optional(),
  tenantHeader: z.string().max(64).optional(),
  role: z.enum(KEY_ROLES),
})

/** What a sidecar may ask a check server that has a database, by the last part of the path. */
export const CENTRE_QUESTIONS: Readonly<
  Record<string, (centre: Centre, tenantId: TenantId, body: unknown) => Promise<unknown>>
> = {
  /** Several, or one, as sidecars of before ask. */
  read: (centre, tenantId, body) =>
    Array.isArray(body)
      ? Promise.all(parsed(spenders, body).map((each: AskedSpender) => centre.read(tenantId, each)))
      : centre.read(tenantId, parsed(askedSpender, body) satisfies AskedSpender),
  exchange: (centre, tenantId, body) => centre.exchange(tenantId, parsed(exchange, body) as Exchange),
  take: (centre, tenantId, body) =>
    Promise.all((parsed(asked, body) as AskedHold[]).map((each) => centre.take(tenantId, each))),
  rates: (centre, tenantId, body) => centre.rates(tenantId, parsed(rateQuestion, body)),
  async kill(centre, tenantId, body) {
    const { kind, id, reason } = parsed(kill, body)
    return { is_new: await centre.kill(tenantId, { kind: kind satisfies KillKind, id }, reason) }
  },
  async lift(centre, tenantId, body) {
    const { kind, id } = parsed(kill, body)
    return { was_killed: await centre.lift(tenantId, { kind, id }) }
  },
  /** Only about the sidecar's own tenant: of a key of another one nothing is told. */
  async authorise(centre, tenantId, body) {
    const { role, authorization, tenantHeader } = parsed(credentials, body)
    const found = await centre.access.authorise({ authorization, tenantHeader }, role)
    if (found !== tenantId) throw new AforoError('unauthenticated', 'unknown or revoked key')
    return { tenant: found }
  },
}

/** Tells a sidecar what changes, a line of JSON each, for as long as it reads. */
export function streamChanges(centre: Centre, tenantId: TenantId, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  // It may have left while its key was looked up: then nothing tells any more that it has.
  if (response.destroyed) return
  let beatAt = 0
  const unfollow = centre.follow(tenantId, (change: Change) => {
    if (change.kind === 'beat') {
      const now = performance.now()
      if (now - beatAt < BEAT_MS) return
      beatAt = now
    }
    if (response.writableLength > CHANGES_UNREAD_BYTES_MAX) return void response.destroy()
    response.write(`${JSON.stringify(change)}\n`)
  })
  response.on('close', unfollow)
  response.on('error', () => {})
}

function parsed<T>(fields: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = fields.safeParse(body)
  if (success) return data
  throw new AforoError('invalid_argument', 'the message is not one of a sidecar', {
    faults: faultsOf(error.issues),
  })
}
