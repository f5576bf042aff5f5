import { afterAll, beforeAll, expect, test } from 'vitest'
import { LOOKED_AT_MAX, OPEN_MAX } from '../../alerts/observe/observation.ts'
import type { AlertRule } from '../../core/alert.ts'
import { defineAlertRule } from '../../schema/alerts/define.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { noon } from '../support/usages.ts'
import { gapsOf, watchAll } from './world.ts'

/** More subjects beyond a threshold than a look reads: whoever is not looked at is counted, and is the least of them. */

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

const RULE: AlertRule = {
  kind: 'quota',
  budget: 'b',
  block: '1',
  clear_by: '0',
  least_seconds: 0,
  tell_seconds: 60,
  kill: false,
}
const define = (id: string, fields: Partial<AlertRule>) =>
  transaction(db.pool, (client) =>
    defineAlertRule(client, 'default', id, { ...RULE, ...fields } as AlertRule, noon()),
  )
const leftOutOf = async (rule: string) =>
  (await db.pool.query('select left_out from aforo_store.alert_watches where rule_id = $1', [rule])).rows[0]
    .left_out
const openOf = async (rule: string) =>
  (await db.pool.query('select subject from aforo_store.alert_states where rule_id = $1', [rule])).rows

test('one counter more than a look reads is counted as left out, and the furthest beyond are not', async () => {
  const body = { scope: { customer: '*' }, unit: 'tokens', limit: '10', window: 'lifetime', mode: 'hard' }
  await db.pool.query(`insert into aforo_store.budget_versions values ('default', 'b', 1, $1, 1, now())`, [
    JSON.stringify(body),
  ])
  await db.pool.query(
    `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start, used)
     select 'default', 'b', 1, '["c' || lpad(no::text, 5, '0') || '"]', '-infinity', 10 + no
     from generate_series(1, $1) as no`,
    [LOOKED_AT_MAX + 1],
  )
  await define('counters', {})
  await watchAll(db.pool, noon(1))
  const open = await openOf('counters')
  expect(open).toHaveLength(OPEN_MAX)
  expect(open.map(({ subject }) => subject)).toContain(`b["c${LOOKED_AT_MAX + 1}"]`)
  expect(await leftOutOf('counters')).toBe(LOOKED_AT_MAX + 1 - OPEN_MAX)
})

test('the same of customers whose calls have no price', async () => {
  await db.pool.query(
    `insert into aforo_store.event_lines (tenant_id, event_id, revision, line_no, time, customer_id, part, unit, quantity,
       calls, unpriced_calls, cogs, price)
     select 'default', 'e' || no, 0, 0, $2, 'c' || no, 'prompt', 'token', 1, 1, 1, 0, 1 from generate_series(1, $1) as no`,
    [LOOKED_AT_MAX + 1, noon(-60)],
  )
  const { budget: _, ...fields } = RULE
  await transaction(db.pool, (client) =>
    defineAlertRule(
      client,
      'default',
      'lines',
      {
        ...fields,
        kind: 'unpriced_share',
        scope: { customer: '*' },
        window: 'hour',
        judge_from: '1',
      } as AlertRule,
      noon(),
    ),
  )
  await watchAll(db.pool, noon(2))
  expect(await openOf('lines')).toHaveLength(OPEN_MAX)
  expect(await leftOutOf('lines')).toBe(LOOKED_AT_MAX + 1 - OPEN_MAX)
  expect(await gapsOf(db.pool)).toEqual([])
})
