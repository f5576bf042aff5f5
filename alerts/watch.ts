import type pg from 'pg'
import { ALERT_KINDS, type AlertKind, type AlertRule } from '../core/alert.ts'
import type { TenantId } from '../core/ids.ts'
import type { OpenState } from './observe/observation.ts'

/** A rule that is due, held until the transaction ends. */
export interface Watch {
  readonly tenantId: TenantId
  readonly ruleId: string
  readonly version: number
  /** Null: the rule ended. */
  readonly rule: AlertRule | null
  /** Of the rule, or of what it was before it ended. */
  readonly kind: AlertKind
  readonly kills: boolean
  readonly tellMs: number
  readonly alerts: bigint
  readonly told: bigint
  readonly toldAt: Date | null
  /** Null: look at everything. */
  readonly seenTx: string | null
  readonly fullAt: Date | null
}

interface WatchRow {
  readonly tenant_id: string
  readonly rule_id: string
  readonly version: number
  readonly body: AlertRule | null
  readonly last_body: AlertRule
  readonly alerts: string
  readonly told: string
  readonly told_at: string | null
  readonly seen_version: number | null
  readonly seen_tx: string | null
  readonly full_at: string | null
}

/**
 * Takes the rule that is due longest and that nobody else looks at. Where a new version was written the look begins
 * anew.
 */
export async function claimWatch(client: pg.PoolClient, now: Date): Promise<Watch | null> {
  const { rows } = await client.query<WatchRow>({
    name: 'alerts-claim',
    text: CLAIM,
    values: [now.toISOString()],
  })
  const row = rows[0]
  if (row === undefined) return null
  const dateOf = (text: string | null) => (text === null ? null : new Date(Number(text)))
  const fullAt = dateOf(row.full_at)
  const goesOn = row.seen_version === row.version && fullAt !== null && now < fullAt
  return {
    tenantId: row.tenant_id,
    ruleId: row.rule_id,
    version: row.version,
    rule: row.body,
    kind: row.last_body.kind,
    kills: row.last_body.kill,
    tellMs: row.last_body.tell_seconds * 1000,
    alerts: BigInt(row.alerts),
    told: BigInt(row.told),
    toldAt: dateOf(row.told_at),
    seenTx: goesOn ? row.seen_tx : null,
    fullAt: goesOn ? fullAt : null,
  }
}

/** Subjects of the rule that are not ok. */
export async function readOpen(
  client: pg.PoolClient,
  { tenantId, ruleId }: Watch,
): Promise<readonly OpenState[]> {
  const { rows } = await client.query<{ subject: string; state: 'warn' | 'block'; since: string }>({
    name: 'alerts-open',
    text: `select subject, state, ${MILLIS('since')} as since from aforo_store.alert_states
      where tenant_id = $1 and rule_id = $2`,
    values: [tenantId, ruleId],
  })
  return rows.map(({ subject, state, since }) => ({ subject, state, sinceMs: Number(since) }))
}

/** What a look leaves for the next one. */
export interface Left {
  readonly dueAt: Date
  readonly alerts: bigint
  readonly hasTold: boolean
  readonly seenTx: string
  readonly fullAt: Date
  readonly leftOut: number
}

/** Writes what a look leaves; the rule is looked at again at `dueAt`. */
export async function writeWatch(client: pg.PoolClient, watch: Watch, left: Left, now: Date): Promise<void> {
  await client.query({
    name: 'alerts-left',
    text: `update aforo_store.alert_watches set due_at = $3, alerts = $4, told = case when $5 then $4 else told end,
        told_at = case when $5 and told <> $4 then $6 else told_at end, version = $7, seen_tx = $8::xid8, full_at = $9,
        looked_at = $6, left_out = $10, failure = null
      where tenant_id = $1 and rule_id = $2`,
    values: [
      watch.tenantId,
      watch.ruleId,
      left.dueAt,
      String(left.alerts),
      left.hasTold,
      now,
      watch.version,
      left.seenTx,
      left.fullAt,
      left.leftOut,
    ],
  })
}

/** The snapshot that whatever is read from now on is read in, or a later one. */
export async function snapshotTx(client: pg.PoolClient): Promise<string> {
  const { rows } = await client.query<{ xmin: string }>(
    'select pg_snapshot_xmin(pg_current_snapshot())::text as xmin',
  )
  return rows[0]!.xmin
}

/** Ends the watch of a rule that ended, when all is told; its alerts stay, and their numbers go on if it begins anew. */
export async function restWatch(
  client: pg.PoolClient,
  { tenantId, ruleId }: Pick<Watch, 'tenantId' | 'ruleId'>,
): Promise<void> {
  await client.query(
    `update aforo_store.alert_watches set due_at = 'infinity' where tenant_id = $1 and rule_id = $2`,
    [tenantId, ruleId],
  )
}

/** Milliseconds between two looks at a rule. */
export function everyMs(rule: AlertRule): number {
  const { windows } = ALERT_KINDS[rule.kind]
  if (windows.length > 0) return WINDOW_EVERY_MS[rule.window!]
  return rule.kind === 'wallet_low' && (rule.scope?.customer ?? '*') === '*' ? WALLETS_EVERY_MS : NOW_EVERY_MS
}

/** How often rules are looked at: what is read by row each second, what is added up the more seldom the more it is. */
const NOW_EVERY_MS = 1_000
const WALLETS_EVERY_MS = 15_000
const WINDOW_EVERY_MS = { hour: 60_000, day: 300_000, week: 3_600_000 } as const

const MILLIS = (column: string) => `(extract(epoch from ${column}) * 1000)::bigint::text`

const CLAIM = `
  with due as (
    select * from aforo_store.alert_watches where due_at <= $1
    order by due_at limit 1 for update skip locked
  )
  select due.tenant_id, due.rule_id, newest.version, newest.body, said.body as last_body, alerts::text as alerts,
    told::text as told, ${MILLIS('told_at')} as told_at, due.version as seen_version, seen_tx::text as seen_tx,
    ${MILLIS('full_at')} as full_at
  from due
  cross join lateral (
    select version, body from aforo_store.alert_rule_versions
    where tenant_id = due.tenant_id and rule_id = due.rule_id order by version desc limit 1) newest
  cross join lateral (
    select body from aforo_store.alert_rule_versions
    where tenant_id = due.tenant_id and rule_id = due.rule_id and body is not null order by version desc limit 1) said`
