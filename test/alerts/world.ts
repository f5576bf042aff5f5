import type pg from 'pg'
import { expect } from 'vitest'
import { auditAlerts } from '../../alerts/audit.ts'
import { createWatcher } from '../../alerts/watcher.ts'
import { AuditReport } from '../../core/audit.ts'
import { SILENT } from '../../core/log.ts'
import { transaction } from '../../schema/pool.ts'
import type { RunningApi } from '../api/start.ts'

/** Writes a rule as its author would. */
export async function putRule(api: RunningApi, id: string, rule: object): Promise<void> {
  const answer = await api.put(`/v1/alert-rules/${id}`, rule)
  expect(answer.body.faults ?? []).toEqual([])
  expect([200, 201]).toContain(answer.status)
}

/** Looks at all rules that are due. */
export async function watchAll(pool: pg.Pool, now: Date): Promise<void> {
  const watcher = createWatcher({ pool, log: SILENT })
  while ((await watcher.watch(now)) > 0);
}

/** `about state` of every alert, in the order in which they were written. */
export async function toldOf(pool: pg.Pool, rule: string): Promise<readonly string[]> {
  const { rows } = await pool.query<{ told: string }>(
    `select coalesce(nullif(concat_ws(' ', about ->> 'budget', about ->> 'customer', about ->> 'product', about ->> 'model',
       about ->> 'session'), ''), 'all') || ' ' || state as told
     from aforo_store.alerts where rule_id = $1 order by alert_no`,
    [rule],
  )
  return rows.map((row) => row.told)
}

export interface Told {
  readonly message_id: string
  readonly type: string
  readonly data: {
    readonly rule: string
    readonly kind: string
    readonly state: string
    readonly more: number
    // biome-ignore lint/suspicious/noExplicitAny: tests look into what a message says.
    readonly alerts: readonly any[]
  }
}

export async function messagesOf(pool: pg.Pool): Promise<readonly Told[]> {
  const { rows } = await pool.query<Told>(
    `select message_id, type, data from aforo_store.webhook_messages where type like 'alert.%'
     order by recorded_at, message_id`,
  )
  return rows
}

/** What the audit of alerts finds amiss. */
export async function gapsOf(pool: pg.Pool): Promise<readonly string[]> {
  const report = new AuditReport()
  await transaction(pool, (client) =>
    auditAlerts(client, { tenantId: null, from: '-infinity', to: 'infinity' }, report),
  )
  return report.results.flatMap(({ result }) =>
    result.gaps.map(({ kind, id, found }) => `${kind} ${id} ${found}`),
  )
}
