import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAYS_MAX } from '../../alerts/anomaly.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { openWorld, type World } from '../budgets/world.ts'
import { until } from '../sidecar/start.ts'
import { callOf, NOON_NANO, noon, otherOf, spanIdOf } from '../support/usages.ts'
import { gapsOf, messagesOf, putRule, toldOf, watchAll } from './world.ts'

let api: RunningApi
let world: World

beforeAll(async () => {
  api = await startApi()
  api.clock = noon(-60)
  world = await openWorld(api.database.pool)
  await api.put('/v1/webhooks/ops', {
    url: 'https://ops.example/aforo',
    events: ['alert.warned', 'alert.blocked', 'alert.cleared'],
  })
})
afterAll(async () => {
  expect(await gapsOf(api.database.pool)).toEqual([])
  await api.stop()
})

const pool = () => api.database.pool
const watch = (seconds: number) => watchAll(pool(), noon(seconds))
const CHILD = { parentSpanId: spanIdOf('root') }

test('a quota warns, blocks and clears as an open trace grows and the limit is raised', async () => {
  await world.budget(-10, 'daily', {
    scope: { customer: '*' },
    unit: 'model_calls',
    limit: '4',
    window: 'lifetime',
  })
  await putRule(api, 'quota', {
    kind: 'quota',
    budget: 'daily',
    warn: '0.5',
    block: '1',
    clear_by: '0.1',
    least_seconds: 0,
  })
  await watch(-5)
  await world.push(0, otherOf('one', 'root'), callOf('one', 'first', CHILD))
  await world.project(1)
  await watch(1)
  expect(await toldOf(pool(), 'quota')).toEqual([])
  await world.push(2, callOf('one', 'second', CHILD))
  await world.project(3)
  await watch(3)
  expect(await toldOf(pool(), 'quota')).toEqual(['daily acme warn'])
  await world.push(4, callOf('one', 'third', CHILD), callOf('one', 'fourth', CHILD))
  await world.project(5)
  await watch(5)
  await watch(6)
  expect(await toldOf(pool(), 'quota')).toEqual(['daily acme warn', 'daily acme block'])
  const { body } = await api.get('/v1/alerts?rule=quota&open=true')
  expect(body.data).toEqual([
    {
      rule: 'quota',
      alert_no: 2,
      rule_version: 1,
      kind: 'quota',
      subject: { budget: 'daily', customer: 'acme' },
      previous: 'warn',
      state: 'block',
      open: true,
      reason: 'observed',
      value: '1',
      threshold: '1',
      figures: { used: '4', limit: '4', unit: 'model_calls' },
      killed: null,
      at: noon(5).toISOString(),
    },
  ])
  expect((await api.get('/v1/alerts?rule=quota&open=false')).body.data).toHaveLength(1)
  await world.budget(7, 'daily', {
    scope: { customer: '*' },
    unit: 'model_calls',
    limit: '100',
    window: 'lifetime',
  })
  await watch(8)
  expect(await toldOf(pool(), 'quota')).toEqual(['daily acme warn', 'daily acme block', 'daily acme ok'])
  expect((await api.get('/v1/alert-rules/quota')).body).toMatchObject({
    open: { warn: 0, block: 0 },
    failure: null,
  })
})

test('messages are written with the change, and not more often than the rule tells', async () => {
  const told = async () => (await messagesOf(pool())).map(({ type, message_id }) => [type, message_id])
  expect(await told()).toEqual([['alert.warned', 'alert:quota:1:warn']])
  await watch(62)
  expect(await told(), 'a minute had not passed').toHaveLength(1)
  await watch(63)
  expect(await told()).toEqual([
    ['alert.warned', 'alert:quota:1:warn'],
    ['alert.cleared', 'alert:quota:3:ok'],
  ])
  const [, cleared] = await messagesOf(pool())
  expect(cleared!.data).toMatchObject({
    rule: 'quota',
    kind: 'quota',
    state: 'ok',
    more: 0,
    alerts: [
      {
        alert_no: 3,
        subject: { budget: 'daily', customer: 'acme' },
        value: '0.04',
        at: noon(8).toISOString(),
      },
    ],
  })
})

test('a hard budget that is used up blocks and stops its session, a soft one warns', async () => {
  const limit = { unit: 'tool_calls', limit: '1', window: 'session' } as const
  await world.budget(10, 'runaway', limit)
  await world.budget(10, 'chatty', { ...limit, mode: 'soft' })
  await putRule(api, 'tripped', { kind: 'budget_tripped', budget: '*', kill: true })
  await watch(11)
  const tool = otherOf('run', 'tool', {
    ...CHILD,
    usageClass: 'tool',
    toolName: 'db',
    toolType: 'function',
    session: 's1',
  })
  await world.push(12, callOf('run', 'root', { session: 's1' }), tool)
  await world.project(13)
  await watch(13)
  expect(await toldOf(pool(), 'tripped')).toEqual(['chatty s1 warn', 'runaway s1 block'])
  const { rows } = await pool().query('select kind, id, reason from aforo_store.kills')
  expect(rows).toEqual([{ kind: 'session', id: 's1', reason: 'alert rule tripped' }])
  expect((await api.get('/v1/alerts?rule=tripped&state=block')).body.data[0].killed).toEqual({
    kind: 'session',
    id: 's1',
  })
  await watch(13 + 86_399)
  expect(await toldOf(pool(), 'tripped')).toHaveLength(2)
  // A transaction of somebody else on the server keeps what was written since it began looking new.
  let seconds = 86_400
  await until(async () => {
    await watch(13 + ++seconds)
    return (await toldOf(pool(), 'tripped')).length > 2
  })
  expect((await toldOf(pool(), 'tripped')).slice(2)).toEqual(['chatty s1 ok', 'runaway s1 ok'])
})

test('a wallet warns when it runs low, a customer who never had credits has none to watch', async () => {
  await api.put('/v1/customers/initech', {})
  await api.post('/v1/customers/initech/grants', { amount: '40', kind: 'paid' })
  await api.post('/v1/customers/initech/grants', {
    amount: '5',
    kind: 'promo',
    expires_at: noon(200_000).toISOString(),
  })
  await putRule(api, 'low', { kind: 'wallet_low', warn: '42', block: '10', least_seconds: 0 })
  await watch(190_000)
  expect(await toldOf(pool(), 'low')).toEqual([])
  await watch(200_015)
  expect(await toldOf(pool(), 'low')).toEqual(['initech warn'])
  await api.post('/v1/customers/initech/grants', { amount: '5', kind: 'paid' })
  await watch(200_100)
  expect(await toldOf(pool(), 'low')).toEqual(['initech warn', 'initech ok'])
})

test('margins, calls without a price and calls without usage are judged over a window', async () => {
  for (const [id, kind, scope] of [
    ['margin', 'margin_below', { customer: '*' }],
    ['margin-of-all', 'margin_below', {}],
    ['unpriced', 'unpriced_share', { model: '*' }],
    ['unmetered', 'unmetered_share', { product: '*' }],
  ] as const) {
    const thresholds = kind === 'margin_below' ? { warn: '50', block: '0' } : { warn: '0.5' }
    const from = { judge_from: kind === 'margin_below' ? '0.01' : '2' }
    await putRule(api, id, { kind, scope, window: 'hour', least_seconds: 0, ...thresholds, ...from })
  }
  await world.price(300_000, 'own', 'dear', 'input_uncached', '5')
  const at = { startNano: NOON_NANO + 300_000_000_000_000n, endNano: NOON_NANO + 300_000_500_000_000n }
  const dear = { ...at, provider: 'own', requestModel: 'dear', responseModel: 'dear' }
  const unknown = { ...at, provider: 'own', requestModel: 'new', responseModel: 'new' }
  await world.push(
    300_001,
    callOf('loss', 'root', { ...dear, customer: 'globex' }),
    ...['a', 'b'].map((name) => callOf(name, name, { ...unknown, product: 'bot' })),
    callOf('silent', 'silent', { ...at, metered: false, product: 'mute' }),
    callOf('silent 2', 'silent 2', { ...at, metered: false, product: 'mute' }),
  )
  await world.cut(300_010)
  await world.rate(300_010)
  await watch(300_020)
  // The plan marks up what the output cost, and nobody knows that yet: the margin may be anything.
  expect(await toldOf(pool(), 'margin')).toEqual([])
  await world.price(300_030, 'own', 'dear', 'output', '0')
  await world.cut(300_040)
  await world.rate(300_040)
  await watch(300_100)
  expect(await toldOf(pool(), 'margin')).toEqual(['globex warn'])
  expect(await toldOf(pool(), 'unpriced')).toEqual(['new warn'])
  expect(await toldOf(pool(), 'unmetered')).toEqual(['mute warn'])
  // What leaves the window leaves nothing to judge.
  await watch(300_020 + 3_700)
  for (const rule of ['margin', 'unpriced', 'unmetered'])
    expect((await toldOf(pool(), rule)).at(-1)).toMatch(/ ok$/)
})

test('spend that is odd for the hour is told, the same every day is not', async () => {
  const day = 86_400
  const today = 40 * day
  const spend = (id: string, customer: string, daysAgo: number, amount: number) =>
    pool().query(
      `insert into aforo_store.event_lines (tenant_id, event_id, revision, line_no, time, customer_id, part, unit, quantity,
         calls, unpriced_calls, cogs, price)
       values ('default', $1, 0, 0, $2, $3, 'prompt', 'token', 1, 1, 0, 0, $4)`,
      [id, noon(today - daysAgo * day - 60), customer, amount],
    )
  for (let ago = 1; ago <= DAYS_MAX; ago++) {
    await spend(`even ${ago}`, 'even', ago, 10)
    await spend(`odd ${ago}`, 'odd', ago, 10 + (ago % 3))
  }
  await spend('even now', 'even', 0, 11)
  await spend('odd now', 'odd', 0, 90)
  await spend('new now', 'new', 0, 500)
  await putRule(api, 'anomaly', { kind: 'spend_anomaly', warn: '4', block: '30', least_seconds: 0 })
  await watch(today)
  expect(await toldOf(pool(), 'anomaly')).toEqual(['odd block'])
  const [alert] = (await api.get('/v1/alerts?rule=anomaly&customer=odd')).body.data
  expect(alert).toMatchObject({
    value: '53.2848',
    figures: { spend: '90', median: '11', spread: '1.4826', days: 14 },
  })
  await watch(today + 3_700)
  expect(await toldOf(pool(), 'anomaly')).toEqual(['odd block', 'odd ok'])
  await pool().query(`delete from aforo_store.event_lines where customer_id in ('even', 'odd', 'new')`)
})

test('a rule that ends takes what is open with it, and goes on counting when it begins anew', async () => {
  const at = 50 * 86_400
  await putRule(api, 'ends', { kind: 'wallet_low', warn: '100' })
  await watch(at)
  expect(await toldOf(pool(), 'ends')).toEqual(['initech warn'])
  api.clock = noon(at + 100)
  expect((await api.send('/v1/alert-rules/ends', { method: 'DELETE' })).status).toBe(200)
  await watch(at + 101)
  const { data } = (await api.get('/v1/alerts?rule=ends')).body
  expect(data).toMatchObject([
    { alert_no: 2, state: 'ok', reason: 'rule_ended', subject: { customer: 'initech' }, open: false },
    { alert_no: 1, state: 'warn', open: false },
  ])
  expect((await messagesOf(pool())).filter(({ data: told }) => told.rule === 'ends')).toHaveLength(2)
  await putRule(api, 'ends', { kind: 'wallet_low', warn: '100' })
  await watch(at + 200)
  expect(await toldOf(pool(), 'ends')).toEqual(['initech warn', 'initech ok', 'initech warn'])
})

test('Grafana reads them', async () => {
  const client = await pool().connect()
  try {
    await client.query('set session authorization aforo_grafana')
    const { rows } = await client.query(
      `select rule, state, customer, open from aforo.alerts where rule = 'ends' order by alert_no`,
    )
    expect(rows.map((row) => Object.values(row))).toEqual([
      ['ends', 'warn', 'initech', false],
      ['ends', 'ok', 'initech', false],
      ['ends', 'warn', 'initech', true],
    ])
  } finally {
    client.release(true)
  }
})
