import { afterEach, beforeEach, expect, test } from 'vitest'
import { NAMED_MAX } from '../../alerts/tell.ts'
import { createWatcher } from '../../alerts/watcher.ts'
import type { AlertRule } from '../../core/alert.ts'
import { SILENT } from '../../core/log.ts'
import { defineAlertRule, endAlertRule } from '../../schema/alerts/define.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dyingAt } from '../support/dying.ts'
import { noon } from '../support/usages.ts'
import { gapsOf, messagesOf, watchAll } from './world.ts'

/** Watchers that die between any two statements, and several at once: nothing is told twice, and nothing is not told. */

const STATEMENTS_MAX = 100
const CUSTOMERS = 25
const RULE: AlertRule = {
  kind: 'quota',
  budget: 'b',
  warn: '0.5',
  block: '1',
  clear_by: '0.1',
  least_seconds: 0,
  tell_seconds: 60,
  kill: true,
}
const BUDGET = { scope: { customer: '*' }, unit: 'tokens', limit: '10', window: 'lifetime', mode: 'hard' }

let db: TestDatabase
beforeEach(async () => {
  db = await testDatabase()
  await db.pool.query(`insert into aforo_store.budget_versions values ('default', 'b', 1, $1, 1, now())`, [
    JSON.stringify(BUDGET),
  ])
  await db.pool.query(
    `insert into aforo_store.webhook_endpoints values ('default', 'ops', 'https://x.example', null, now())`,
  )
  await transaction(db.pool, (client) => defineAlertRule(client, 'default', 'r', RULE, noon()))
})
afterEach(() => db.drop())

/** Sets what everybody has used. */
async function use(used: number): Promise<void> {
  await db.pool.query(
    `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start, used)
     select 'default', 'b', 1, '["c' || lpad(no::text, 3, '0') || '"]', '-infinity', $1 from generate_series(1, $2) as no
     on conflict (tenant_id, budget_id, counting_version, subject, window_start)
     do update set used = excluded.used, changed_tx = pg_current_xact_id()`,
    [used, CUSTOMERS],
  )
}

async function rowsOf(): Promise<object> {
  const { rows } = await db.pool.query(
    `select (select count(*)::integer from aforo_store.alerts) as alerts,
       (select count(*)::integer from aforo_store.alert_states) as open,
       (select count(*)::integer from aforo_store.webhook_deliveries) as deliveries,
       (select count(*)::integer from aforo_store.kills) as kills,
       (select array[alerts, told]::text from aforo_store.alert_watches) as watch`,
  )
  return rows[0]!
}

test('a death at any statement leaves states, alerts, kills and messages all written, or none', async () => {
  await use(20)
  const before = await rowsOf()
  const watchOnce = (pool: TestDatabase['pool']) => createWatcher({ pool, log: SILENT }).watch(noon(1))
  let deaths = 0
  for (; ; deaths++) {
    expect(deaths).toBeLessThan(STATEMENTS_MAX + CUSTOMERS * 2)
    if (await dyingAt(db, deaths, watchOnce)) break
    const found = await rowsOf()
    // A death while it looks for another rule finds the first one committed.
    if ((found as { alerts: number }).alerts > 0) break
    expect(found, `after a death at statement ${deaths}`).toEqual(before)
  }
  expect(deaths).toBeGreaterThan(10)
  await watchOnce(db.pool)
  expect(await rowsOf()).toEqual({
    alerts: CUSTOMERS,
    open: CUSTOMERS,
    deliveries: 1,
    kills: CUSTOMERS,
    watch: `{${CUSTOMERS},${CUSTOMERS}}`,
  })
  expect(await gapsOf(db.pool)).toEqual([])
})

test('a storm is one message that names some and counts the others, and what follows waits for the next', async () => {
  await use(6)
  await watchAll(db.pool, noon(1))
  for (let second = 2; second < 60; second++) {
    await use(second % 2 === 0 ? 20 : 1)
    await watchAll(db.pool, noon(second))
  }
  const [first, ...others] = await messagesOf(db.pool)
  expect(others).toEqual([])
  expect(first).toMatchObject({ type: 'alert.warned', data: { state: 'warn', more: CUSTOMERS - NAMED_MAX } })
  expect(first!.data.alerts).toHaveLength(NAMED_MAX)
  await use(20)
  await watchAll(db.pool, noon(60))
  expect(await messagesOf(db.pool), 'a minute had not passed').toHaveLength(1)
  await watchAll(db.pool, noon(61))
  const [, second, ...more] = await messagesOf(db.pool)
  expect(more).toEqual([])
  expect(second).toMatchObject({ type: 'alert.blocked', data: { more: CUSTOMERS - NAMED_MAX } })
  expect(await gapsOf(db.pool)).toEqual([])
})

test('what waits to be told is told when nothing changes any more, and after the rule ended', async () => {
  await use(6)
  await watchAll(db.pool, noon(1))
  await use(20)
  await watchAll(db.pool, noon(2))
  await transaction(db.pool, (client) => endAlertRule(client, 'default', 'r', noon(3)))
  await watchAll(db.pool, noon(3))
  expect((await messagesOf(db.pool)).map(({ type }) => type)).toEqual(['alert.warned'])
  await watchAll(db.pool, noon(61))
  expect((await messagesOf(db.pool)).map(({ type }) => type)).toEqual(['alert.warned', 'alert.cleared'])
  await watchAll(db.pool, noon(500))
  expect(await messagesOf(db.pool)).toHaveLength(2)
  expect(await gapsOf(db.pool)).toEqual([])
})

test('several watchers at once tell of each change once', async () => {
  for (const id of ['s', 't', 'u'])
    await transaction(db.pool, (client) =>
      defineAlertRule(client, 'default', id, { ...RULE, kill: false }, noon()),
    )
  const watchers = Array.from({ length: 4 }, () => createWatcher({ pool: db.pool, log: SILENT }))
  for (let second = 1; second <= 8; second++) {
    await use(second % 2 === 1 ? 20 : 1)
    await Promise.all(watchers.map((watcher) => watcher.watch(noon(second))))
  }
  const { rows } = await db.pool.query(
    'select rule_id, count(*)::integer as alerts from aforo_store.alerts group by 1 order by 1',
  )
  expect(rows).toEqual(['r', 's', 't', 'u'].map((rule_id) => ({ rule_id, alerts: CUSTOMERS * 8 })))
  expect(await messagesOf(db.pool)).toHaveLength(4)
  expect(await gapsOf(db.pool)).toEqual([])
})

test('a rule that cannot be looked at says so, and the others go on', async () => {
  await transaction(db.pool, (client) => defineAlertRule(client, 'default', 'z', RULE, noon(1)))
  await db.pool.query(
    `update aforo_store.alert_rule_versions set body = body || '{"kind": "wallet_low", "warn": "5", "scope": {"customer": "x"}}'
     where rule_id = 'z'`,
  )
  await db.pool.query(`update aforo_store.budget_versions set body = body || '{"limit": "many"}'`)
  await use(20)
  await watchAll(db.pool, noon(2))
  const read = () =>
    db.pool.query(
      `select rule_id, failure is not null as failed from aforo_store.alert_watches order by rule_id`,
    )
  expect((await read()).rows).toEqual([
    { rule_id: 'r', failed: true },
    { rule_id: 'z', failed: false },
  ])
  await db.pool.query(`update aforo_store.budget_versions set body = body || '{"limit": "10"}'`)
  await watchAll(db.pool, noon(62))
  expect((await read()).rows[0]).toEqual({ rule_id: 'r', failed: false })
  const { rowCount } = await db.pool.query('select from aforo_store.alerts')
  expect(rowCount).toBe(CUSTOMERS)
})
