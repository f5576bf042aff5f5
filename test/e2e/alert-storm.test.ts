import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NAMED_MAX } from '../../alerts/tell.ts'
import { api, sendJson, traceOf, until } from './client.ts'
import { type Pair, startPair } from './pair.ts'
import { runCommand } from './process.ts'

/** Many subjects that cross a threshold to and fro, watched by two processes, of which one is killed in the middle. */

const SESSIONS = Number(process.env.STORM_SESSIONS ?? 200)
const FLAPS = Number(process.env.STORM_FLAPS ?? 6)
const TELL_SECONDS = 5

let pair: Pair
beforeAll(async () => {
  pair = await startPair()
}, 240_000)
afterAll(() => pair.stop())

interface Alert {
  readonly alert_no: number
  readonly subject: { readonly session: string }
  readonly state: string
}
interface Message {
  readonly type: string
  readonly data: { readonly rule: string; readonly more: number; readonly alerts: readonly Alert[] }
}

test('a storm of crossings is few messages that name some and count the rest; each crossing is listed once', async () => {
  const put = (path: string, body: object): Promise<Record<string, string>> =>
    api(pair.other.ports.api!, 'PUT', path, body)
  const { secret } = await put('/v1/webhooks/ops', { url: pair.ops.url })
  await put('/v1/customers/acme', {})
  const limit = (tokens: number) =>
    put('/v1/budgets/each', {
      scope: { session: '*' },
      unit: 'tokens',
      limit: String(tokens),
      window: 'lifetime',
      mode: 'soft',
    })
  await limit(1_000)
  await put('/v1/alert-rules/storm', {
    kind: 'quota',
    budget: 'each',
    block: '1',
    clear_by: '0.1',
    least_seconds: 0,
    tell_seconds: TELL_SECONDS,
  })
  for (let no = 0; no < SESSIONS; no += 20) {
    const sent = Array.from({ length: Math.min(20, SESSIONS - no) }, (_, i) =>
      sendJson(pair.other.ports.otlp_http!, traceOf({ input: 10, output: 0, session: `session ${no + i}` })),
    )
    for (const { status } of await Promise.all(sent)) expect(status).toBe(200)
  }
  await until(async () => (await all('/v1/budgets/each/use?limit=100')).length === SESSIONS)
  const openOf = async () => {
    const rule = (await api(pair.other.ports.api!, 'GET', '/v1/alert-rules/storm')) as {
      open: { block: number }
    }
    return rule.open.block
  }
  const began = Date.now()
  for (let flap = 0; flap < FLAPS; flap++) {
    await limit(flap % 2 === 0 ? 5 : 1_000)
    const expected = flap % 2 === 0 ? SESSIONS : 0
    await until(async () => (await openOf()) === expected)
    if (flap === 2) await pair.one.end('SIGKILL')
  }
  const alerts = await all<Alert>('/v1/alerts?rule=storm&limit=100')
  expect(alerts).toHaveLength(SESSIONS * FLAPS)
  expect(alerts.map(({ alert_no }) => alert_no)).toEqual(alerts.map((_, i) => SESSIONS * FLAPS - i))
  const messages = () => {
    const byId = new Map(pair.ops.received.map((received) => [received.id, received]))
    return [...byId.values()].map(
      ({ body, headers }) => new Webhook(secret!).verify(body, headers) as Message,
    )
  }
  // The last message tells how it ended.
  await until(async () =>
    messages().some(({ data }) => data.alerts.some(({ alert_no }) => alert_no > SESSIONS * (FLAPS - 1))),
  )
  const took = (Date.now() - began) / 1000
  console.log({
    sessions: SESSIONS,
    flaps: FLAPS,
    crossings: alerts.length,
    messages: messages().length,
    took,
  })
  expect(messages().length).toBeLessThanOrEqual(2 * (took / TELL_SECONDS + 1))
  for (const { data } of messages()) {
    expect(data.alerts.length).toBe(Math.min(NAMED_MAX, SESSIONS))
    expect(data.alerts.length + data.more).toBe(SESSIONS)
  }
  expect(await runCommand(['audit'], { DATABASE_URL: pair.database.url })).toContain('no gap')
}, 240_000)

/** All pages of a list. */
async function all<T>(path: string): Promise<readonly T[]> {
  const rows: T[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after: string = cursor === '' ? '' : `&cursor=${cursor}`
    const page = (await api(pair.other.ports.api!, 'GET', path + after)) as {
      data: T[]
      next_cursor: string | null
    }
    rows.push(...page.data)
    cursor = page.next_cursor
  }
  return rows
}
