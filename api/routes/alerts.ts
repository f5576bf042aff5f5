import { z } from 'zod'
import { ALERT_KIND_NAMES, ALERT_STATES } from '../../core/alert.ts'
import { AforoError } from '../../core/errors.ts'
import { trimNumeric } from '../../core/money.ts'
import { defineAlertRule, endAlertRule } from '../../schema/alerts/define.ts'
import { alertRuleFields, alertRuleOf, alertRulePath } from '../alert-rule-fields.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, listOf, name, ownId, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import {
  ALERT_KEY,
  type AlertRow,
  type AlertRuleRow,
  alertKey,
  listAlertRules,
  listAlerts,
} from '../queries/alerts.ts'
import { type Call, ok, route } from '../route.ts'

const state = z.enum(ALERT_STATES)

/** What the API adds to a rule. */
const added = {
  rule_id: z.string(),
  version: z.int(),
  recorded_at: z.iso.datetime(),
  open: z.object({ warn: z.int(), block: z.int() }).describe('how many subjects are in which state'),
  left_out: z.int().describe('subjects beyond a threshold for which there is no room'),
  looked_at: z.iso.datetime().nullable(),
  failure: z.string().nullable().describe('why the rule could not be looked at; it is tried again'),
}
const ruleFields = z.looseObject({ ...added, kind: z.enum(ALERT_KIND_NAMES) })

const alertFields = z.object({
  rule: z.string(),
  alert_no: z.int(),
  rule_version: z.int(),
  kind: z.enum(ALERT_KIND_NAMES),
  subject: z.record(z.string(), z.string()).describe('whom it is about; empty: the tenant'),
  previous: state,
  state,
  open: z.boolean().describe('the subject is in this state now'),
  reason: z.string().describe('`observed`, `nothing_to_judge` or `rule_ended`'),
  value: decimal.nullable(),
  threshold: decimal.nullable(),
  figures: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  killed: z
    .object({ kind: z.string(), id: z.string() })
    .nullable()
    .describe('whom a rule with `kill` stopped'),
  at: z.iso.datetime(),
})

export const alertRoutes = [
  route({
    method: 'get',
    path: '/v1/alerts',
    summary: 'Changes of the states of what alert rules watch, the last first.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      state: state.optional(),
      rule: ownId.optional(),
      customer: name.optional(),
      open: z.enum(['true', 'false']).optional().describe('those that hold now, or those that are past'),
      ...page,
    }),
    answers: { 200: listOf(alertFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, ALERT_KEY)
      const filter = { ...query, open: query.open === undefined ? undefined : query.open === 'true' }
      const rows = await listAlerts(client, tenantId, filter, { after, rows: query.limit + 1 })
      return ok(pageOf(rows, query.limit, alertKey, showAlert))
    },
  }),
  route({
    method: 'get',
    path: '/v1/alert-rules',
    summary: 'Alert rules by id, with how what they watch stands.',
    pathFields: z.object({}),
    queryFields: z.strictObject(page),
    answers: { 200: listOf(ruleFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, ['string'])
      const wanted = { after: after && String(after[0]), rows: query.limit + 1 }
      const rows = await listAlertRules(client, tenantId, wanted)
      return ok(pageOf(rows, query.limit, (row) => [row.ruleId], showRule))
    },
  }),
  route({
    method: 'get',
    path: '/v1/alert-rules/{rule_id}',
    summary: 'An alert rule.',
    pathFields: alertRulePath,
    queryFields: z.strictObject({}),
    answers: { 200: ruleFields },
    handle: async (call) => ok(await readRule(call)),
  }),
  route({
    method: 'put',
    path: '/v1/alert-rules/{rule_id}',
    summary: 'Writes an alert rule: a body that differs makes the next version, which holds from now on.',
    description: 'What its author leaves out is filled in and kept, so that a version always says the same.',
    pathFields: alertRulePath,
    queryFields: z.strictObject({}),
    bodyFields: alertRuleFields,
    answers: { 200: ruleFields, 201: ruleFields },
    async handle(call) {
      const { client, tenantId, path, body, now } = call
      const { isNew } = await defineAlertRule(client, tenantId, path.rule_id, alertRuleOf(body), now)
      return { status: isNew ? 201 : 200, body: await readRule(call) }
    },
  }),
  route({
    method: 'delete',
    path: '/v1/alert-rules/{rule_id}',
    summary: 'Ends an alert rule: what is not ok ends with it. Its alerts stay; a later PUT begins it anew.',
    pathFields: alertRulePath,
    queryFields: z.strictObject({}),
    answers: { 200: z.object({ rule_id: z.string(), version: z.int() }) },
    async handle({ client, tenantId, path, now }) {
      const { version } = await endAlertRule(client, tenantId, path.rule_id, now)
      return ok({ rule_id: path.rule_id, version })
    },
  }),
]

type RuleCall = Pick<Call<{ readonly rule_id: string }, unknown, unknown>, 'client' | 'tenantId' | 'path'>

async function readRule({ client, tenantId, path }: RuleCall): Promise<z.infer<typeof ruleFields>> {
  const wanted = { only: path.rule_id, after: null, rows: 1 }
  const [row] = await listAlertRules(client, tenantId, wanted)
  if (row === undefined) throw new AforoError('not_found', `there is no alert rule ${path.rule_id}`)
  return showRule(row)
}

function showRule(row: AlertRuleRow): z.infer<typeof ruleFields> {
  return {
    rule_id: row.ruleId,
    version: row.version,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    ...row.body,
    open: { warn: row.warned, block: row.blocked },
    left_out: row.leftOut,
    looked_at: row.lookedAt && rfc3339OfDatabase(row.lookedAt),
    failure: row.failure,
  }
}

function showAlert(row: AlertRow): z.infer<typeof alertFields> {
  return {
    rule: row.ruleId,
    alert_no: Number(row.alertNo),
    rule_version: row.ruleVersion,
    kind: row.kind as (typeof ALERT_KIND_NAMES)[number],
    subject: row.about,
    previous: row.previous,
    state: row.state,
    open: row.open,
    reason: row.reason,
    value: row.value && trimNumeric(row.value),
    threshold: row.threshold && trimNumeric(row.threshold),
    figures: row.figures,
    killed: row.killed,
    at: rfc3339OfDatabase(row.recordedAt),
  }
}
