import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEndpoint } from '../webhooks/endpoint.ts'
import { api, sendJson, type TraceOptions, traceOf, until } from './client.ts'
import { type Pair, startPair } from './pair.ts'
import { runCommand } from './process.ts'

/**
 * Alerts as somebody outside sees them: rules of every kind over REST, usage over OTLP, messages at an endpoint of his own, from
 * two processes on one database that are killed in between.
 */

const DAY = 86_400_000

let pair: Pair
beforeAll(async () => {
  pair = await startPair()
}, 240_000)
afterAll(() => pair.stop())

interface Told {
  readonly alert_no: number
  readonly subject: Readonly<Record<string, string>>
  readonly previous: string
  readonly state: string
  readonly reason: string
}
interface Message {
  readonly id: string
  readonly type: string
  readonly data: {
    readonly rule: string
    readonly state: string
    readonly more: number
    readonly alerts: readonly Told[]
  }
}

const put = (path: string, body: object): Promise<Record<string, string>> =>
  api(pair.one.ports.api!, 'PUT', path, body)
const list = async <T>(path: string): Promise<readonly T[]> =>
  ((await api(pair.other.ports.api!, 'GET', path)) as { readonly data: readonly T[] }).data
const use = async (options: TraceOptions, count = 1) => {
  for (let no = 0; no < count; no++) {
    const { status } = await sendJson(pair.other.ports.otlp_http!, traceOf({ output: 0, ...options }))
    expect(status).toBe(200)
  }
}
const alertsOf = (rule: string) => list<Told>(`/v1/alerts?rule=${rule}&limit=100`)
/** The states that a rule's subjects went through, the first one first. */
const statesOf = async (rule: string) => (await alertsOf(rule)).map(({ state }) => state).reverse()
const nowIn = async (rule: string, ...states: string[]) => {
  await until(async () => (await statesOf(rule)).length >= states.length)
  expect(await statesOf(rule), rule).toEqual(states)
}

const RULES: Readonly<Record<string, object>> = {
  quota: { kind: 'quota', budget: 'daily', warn: '0.5', block: '1', clear_by: '0.1' },
  tripped: { kind: 'budget_tripped', budget: 'daily' },
  wallet: { kind: 'wallet_low', scope: { customer: 'poor' }, warn: '150', block: '10' },
  margin: {
    kind: 'margin_below',
    scope: { customer: 'cheap' },
    window: 'hour',
    warn: '30',
    block: '10',
    judge_from: '0.001',
  },
  unpriced: {
    kind: 'unpriced_share',
    scope: { customer: 'odd' },
    window: 'hour',
    warn: '0.1',
    block: '0.5',
    judge_from: '1',
  },
  unmetered: {
    kind: 'unmetered_share',
    scope: { customer: 'silent' },
    window: 'hour',
    warn: '0.3',
    block: '0.6',
    judge_from: '1',
  },
  anomaly: {
    kind: 'spend_anomaly',
    scope: { customer: '*' },
    window: 'hour',
    spend: 'cogs',
    warn: '6',
    judge_from: '0.5',
  },
}
/** What adds up a window is looked at each minute, and at once where its author says something else. */
const looks = new Map<string, number>()
const lookAt = (rule: string) => {
  const no = (looks.get(rule) ?? 0) + 1
  looks.set(rule, no)
  return put(`/v1/alert-rules/${rule}`, { ...RULES[rule], least_seconds: 0, tell_seconds: 1 + (no % 2) })
}

test('rules of every kind warn, block and clear, and each change reaches the endpoint, through refusals and deaths, under one id', async () => {
  const { secret } = await put('/v1/webhooks/ops', {
    url: pair.ops.url,
    events: ['alert.warned', 'alert.blocked', 'alert.cleared'],
  })
  // A receiver holds the time of a signature against its own clock as it comes.
  const refused: string[] = []
  let answers = 0
  pair.ops.answer = (_, response) => {
    const { id, headers, body } = pair.ops.received.at(-1)!
    new Webhook(secret!).verify(body, headers)
    // Of the first ones every third is refused.
    if (answers++ % 3 === 0 && refused.length < 4) {
      refused.push(id)
      response.writeHead(500).end()
    } else response.end()
  }

  const meters = (input: string) => [
    { meter: 'input_tokens', model: 'per_unit', unit_price: input, per: '1000000' },
  ]
  const from = new Date(Date.now() - 20 * DAY).toISOString()
  await put('/v1/plans/at-cost', { currency: 'USD', meters: meters('3') })
  await put('/v1/plans/dear', { currency: 'USD', meters: meters('300') })
  await put('/v1/plans/credits', {
    currency: 'USD',
    credit_rate: '0.01',
    bill_as: 'credits',
    meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '4', per: '1000' }],
  })
  for (const customer of ['acme', 'poor', 'cheap', 'odd', 'silent', 'sudden']) {
    await put(`/v1/customers/${customer}`, {})
    const plan = customer === 'poor' ? 'credits' : 'at-cost'
    await put(`/v1/customers/${customer}/subscription`, { plan, from })
  }
  const grant = (amount: string) =>
    api(pair.one.ports.api!, 'POST', '/v1/customers/poor/grants', { amount, kind: 'paid' })
  await grant('500')
  const limit = (tokens: string) =>
    put('/v1/budgets/daily', {
      scope: { customer: 'acme' },
      unit: 'tokens',
      limit: tokens,
      window: 'lifetime',
      mode: 'hard',
    })
  await limit('10000')

  // All goes well: nothing is told.
  for (const rule of Object.keys(RULES)) await lookAt(rule)
  await use({ customer: 'acme', input: 1_000 })
  await use({ customer: 'poor', input: 500 })
  for (let days = 1; days <= 6; days++)
    await use({ customer: 'sudden', input: 200_000, agoMs: days * DAY + 60_000 })

  // Then nothing does.
  await use({ customer: 'acme', input: 4_000 })
  await nowIn('quota', 'warn')
  await use({ customer: 'acme', input: 5_000 })
  await nowIn('quota', 'warn', 'block')
  await nowIn('tripped', 'block')
  await use({ customer: 'poor', input: 500 })
  await nowIn('wallet', 'warn')
  await use({ customer: 'poor', input: 300 })
  await nowIn('wallet', 'warn', 'block')
  await use({ customer: 'cheap', input: 10_000 })
  await use({ customer: 'odd', model: 'in-house-7b' })
  await use({ customer: 'silent', input: null })
  await use({ customer: 'sudden', input: 5_000_000 })
  await until(async () => (await list('/v1/events?limit=100')).length === 16)
  for (const rule of ['margin', 'unpriced', 'unmetered', 'anomaly']) {
    await until(async () => {
      if ((await statesOf(rule)).length > 0) return true
      await lookAt(rule)
      return false
    })
  }
  expect(await statesOf('margin')).toEqual(['block'])
  expect(await statesOf('unpriced')).toEqual(['block'])
  expect(await statesOf('unmetered')).toEqual(['block'])
  expect(await statesOf('anomaly')).toEqual(['warn'])
  expect((await alertsOf('anomaly'))[0]!.subject).toEqual({ customer: 'sudden' })

  // One of the two is killed while messages wait; whatever it had under way is begun anew by the other.
  await pair.one.end('SIGKILL')
  pair.one = pair.other
  // Better, and not by enough: nothing changes.
  await limit('10500')
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  expect(await statesOf('quota')).toEqual(['warn', 'block'])
  // `budget_tripped` clears as soon as not all is used.
  await nowIn('tripped', 'block', 'ok')
  // By enough, step by step.
  await limit('12000')
  await nowIn('quota', 'warn', 'block', 'warn')

  // Both are dead while something happens to the budget, and it is told by whoever comes.
  await pair.other.end('SIGKILL')
  pair.one = await pair.serve()
  pair.other = pair.one
  await limit('40000')
  await nowIn('quota', 'warn', 'block', 'warn', 'ok')
  await grant('5000')
  await nowIn('wallet', 'warn', 'block', 'ok')
  const price = { model: 'in-house-7b', unit_price: '0.4', per: '1000000', effective_from: from }
  await put('/v1/prices/custom/seven-in', { ...price, meter: 'input_uncached' })
  await put('/v1/prices/custom/seven-out', { ...price, meter: 'output' })
  await use({ customer: 'silent' }, 9)
  await put('/v1/customers/cheap/subscription', {
    plan: 'dear',
    from: new Date(Date.now() - 2_000).toISOString(),
  })
  await use({ customer: 'cheap', input: 10_000 })
  for (const rule of ['margin', 'unpriced', 'unmetered']) {
    await until(async () => {
      if ((await statesOf(rule)).at(-1) === 'ok') return true
      await lookAt(rule)
      return false
    })
  }
  await api(pair.one.ports.api!, 'DELETE', '/v1/alert-rules/anomaly')
  await nowIn('anomaly', 'warn', 'ok')

  // All of it was told, each change of a subject's state once or with a later one, never under two ids.
  const messages = () => {
    const byId = new Map(pair.ops.received.map((received) => [received.id, received]))
    return [...byId.values()].map(({ id, body }): Message => ({ id, ...JSON.parse(body) }))
  }
  for (const rule of Object.keys(RULES)) {
    const listed = await alertsOf(rule)
    await until(async () =>
      messages().some(
        ({ data }) => data.rule === rule && data.alerts.some((told) => told.alert_no === listed[0]!.alert_no),
      ),
    )
    const told = messages()
      .filter(({ data }) => data.rule === rule)
      .flatMap(({ data }) => data.alerts.map(({ alert_no }) => ({ alert_no, state: data.state })))
    expect(new Set(told.map(({ alert_no }) => alert_no)).size, `${rule}: told once`).toBe(told.length)
    for (const { alert_no, state } of told)
      expect(
        listed.find((alert) => alert.alert_no === alert_no),
        rule,
      ).toMatchObject({ state })
  }
  expect(refused.length).toBe(4)
  for (const id of refused)
    await until(async () => pair.ops.received.filter((received) => received.id === id).length > 1)
  // What came again is the same to the byte.
  for (const { id, body } of pair.ops.received)
    expect(pair.ops.received.find((received) => received.id === id)!.body).toBe(body)
  expect(await runCommand(['audit'], { DATABASE_URL: pair.database.url })).toContain('no gap')
}, 300_000)

test('an endpoint that says it is gone has its messages among the dead, and takes them under their ids when it is back', async () => {
  const shop = await startEndpoint()
  shop.answer = (_, response) => void response.writeHead(410).end()
  const { secret } = await put('/v1/webhooks/shop', { url: shop.url, events: ['webhook.ping'] })
  for (let no = 0; no < 3; no++) await api(pair.one.ports.api!, 'POST', '/v1/webhooks/shop/ping', {})
  interface Dead {
    readonly message_id: string
    readonly last_status: number
    readonly attempts: number
  }
  const dead = () => list<Dead>('/v1/webhooks/shop/deliveries?state=dead')
  await until(async () => (await dead()).length === 3)
  expect((await dead()).map(({ last_status, attempts }) => [last_status, attempts])).toEqual([
    [410, 1],
    [410, 1],
    [410, 1],
  ])
  const ids = (await dead()).map(({ message_id }) => message_id).sort()
  shop.answer = (_, response) => void response.end()
  shop.received.length = 0
  await api(pair.one.ports.api!, 'POST', '/v1/webhooks/shop/redeliver', {})
  await until(async () => shop.received.length === 3)
  expect(shop.received.map(({ id }) => id).sort()).toEqual(ids)
  for (const received of shop.received) shop.verified(received, secret!)
  await until(async () => (await dead()).length === 0)
  await shop.stop()
}, 60_000)
