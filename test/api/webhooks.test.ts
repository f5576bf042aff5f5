import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { REDELIVERED_MAX } from '../../api/routes/webhook-deliveries.ts'
import { SECRETS_MAX, WEBHOOKS_MAX } from '../../api/routes/webhooks.ts'
import { SILENT } from '../../core/log.ts'
import { createDeliverer } from '../../webhooks/deliverer.ts'
import { type Endpoint, startEndpoint } from '../webhooks/endpoint.ts'
import { type RunningApi, startApi } from './start.ts'

const secretOf = (byte: number) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`

let api: RunningApi
let endpoint: Endpoint

beforeAll(async () => {
  api = await startApi()
  endpoint = await startEndpoint()
})
afterAll(async () => {
  await endpoint.stop()
  await api.stop()
})
beforeEach(() => {
  api.clock = new Date()
  endpoint.received.length = 0
  endpoint.answer = (_, response) => void response.end()
})

async function deliver(): Promise<void> {
  const deliverer = createDeliverer({
    pool: api.database.pool,
    log: SILENT,
    allowPrivate: async () => true,
    jitter: () => 0.5,
    clock: () => api.clock,
  })
  while ((await deliverer.deliver(api.clock)) > 0) await deliverer.idle()
}

async function ping(id: string): Promise<string> {
  const answer = await api.post(`/v1/webhooks/${id}/ping`, {})
  expect(answer.status).toBe(202)
  return answer.body.message_id
}

test('an endpoint is made with a secret that is shown once', async () => {
  const made = await api.put('/v1/webhooks/made', { url: endpoint.url })
  expect(made).toMatchObject({
    status: 200,
    body: { webhook_id: 'made', url: endpoint.url, events: null, recorded_at: api.clock.toISOString() },
  })
  const { secret, ...rest } = made.body
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect((await api.get('/v1/webhooks/made')).body).toEqual(rest)
  expect((await api.get('/v1/webhooks')).body).toEqual({ data: [rest], next_cursor: null })
  const moved = await api.put('/v1/webhooks/made', { url: endpoint.url, events: ['webhook.ping'] })
  expect(moved.body).toEqual({ ...rest, events: ['webhook.ping'] })
  const id = await ping('made')
  await deliver()
  expect(endpoint.received.map((received) => received.id)).toEqual([id])
  expect(endpoint.verified(endpoint.received[0]!, secret)).toMatchObject({ data: { webhook_id: 'made' } })
  expect((await api.send('/v1/webhooks/made', { method: 'DELETE' })).body).toEqual(moved.body)
  for (const path of ['', '/deliveries']) expect((await api.get(`/v1/webhooks/made${path}`)).status).toBe(404)
})

test('a secret may be brought along, and replaced: both sign for a while', async () => {
  const [first, second] = [secretOf(1), secretOf(2)]
  const made = await api.put('/v1/webhooks/turned', { url: endpoint.url, secret: first })
  expect(made.body).not.toHaveProperty('secret')
  expect((await api.post('/v1/webhooks/turned/rotate', { secret: second })).body).not.toHaveProperty('secret')
  await ping('turned')
  await deliver()
  for (const secret of [first, second]) endpoint.verified(endpoint.received[0]!, secret)
  api.clock = new Date(api.clock.getTime() + 86_400_000)
  await api.post('/v1/webhooks/turned/ping', {})
  await deliver()
  const { headers } = endpoint.received[1]!
  expect(headers['webhook-signature']!.split(' ').length).toBe(1)
  await api.send('/v1/webhooks/turned', { method: 'DELETE' })
})

test('an old secret can be ended at once', async () => {
  await api.put('/v1/webhooks/ended', { url: endpoint.url, secret: secretOf(3) })
  const { secret } = (await api.post('/v1/webhooks/ended/rotate', { old_valid_seconds: 0 })).body
  await ping('ended')
  await deliver()
  endpoint.verified(endpoint.received[0]!, secret)
  expect(() => endpoint.verified(endpoint.received[0]!, secretOf(3))).toThrow()
  await api.send('/v1/webhooks/ended', { method: 'DELETE' })
})

test('no more secrets sign at once than there may be', async () => {
  await api.put('/v1/webhooks/many', { url: endpoint.url })
  const rotate = (body: object) => api.post('/v1/webhooks/many/rotate', body)
  for (let no = 1; no < SECRETS_MAX; no++) expect((await rotate({})).status).toBe(200)
  expect(await rotate({})).toMatchObject({ status: 409, body: { code: 'conflict' } })
  expect((await rotate({ old_valid_seconds: 0 })).status).toBe(200)
  expect((await rotate({})).status).toBe(200)
  await api.send('/v1/webhooks/many', { method: 'DELETE' })
})

test.each([
  ['no URL', { url: 'nonsense' }, '/url'],
  ['another protocol', { url: 'ftp://example.com/' }, '/url'],
  ['a password in it', { url: 'https://me:secret@example.com/' }, '/url'],
  ['an unknown type', { events: ['credits.gone'] }, '/events/0'],
  ['no type at all', { events: [] }, '/events'],
  ['a short secret', { secret: 'whsec_c2hvcnQ=' }, '/secret'],
  ['a secret that is no base64', { secret: `whsec_${'A'.repeat(33)}` }, '/secret'],
  ['an unknown field', { uri: 'x' }, '/uri'],
])('an endpoint with %s is refused', async (_, said, path) => {
  const answer = await api.put('/v1/webhooks/bad', { url: endpoint.url, ...said })
  expect(answer).toMatchObject({
    status: 400,
    body: { faults: expect.arrayContaining([{ path, message: expect.anything() }]) },
  })
  expect((await api.get('/v1/webhooks/bad')).status).toBe(404)
})

test('no more endpoints are made than there may be', async () => {
  const headers = { 'x-aforo-tenant': 'many' }
  const put = (no: number) => api.put(`/v1/webhooks/w${no}`, { url: endpoint.url }, headers)
  const answers = await Promise.all(Array.from({ length: WEBHOOKS_MAX + 1 }, (_, no) => put(no)))
  expect(answers.filter(({ status }) => status === 409).length).toBe(1)
  expect((await api.get('/v1/webhooks', headers)).body.data.length).toBe(WEBHOOKS_MAX)
})

describe('deliveries', () => {
  test('that are dead are listed and sent again, with the same id', async () => {
    endpoint.answer = (_, response) => void response.writeHead(410).end()
    await api.put('/v1/webhooks/down', { url: endpoint.url })
    const ids: string[] = []
    for (let no = 0; no < 3; no++) {
      ids.push(await ping('down'))
      api.clock = new Date(api.clock.getTime() + 1)
    }
    await deliver()
    const dead = '/v1/webhooks/down/deliveries?state=dead'
    const listed = (await api.get(dead)).body.data
    expect(listed.map((row: { message_id: string }) => row.message_id)).toEqual(ids.toReversed())
    expect(listed[0]).toEqual({
      message_id: ids[2],
      type: 'webhook.ping',
      data: { webhook_id: 'down' },
      state: 'dead',
      attempts: 1,
      due_at: null,
      last_status: 410,
      last_error: 'gone',
      recorded_at: expect.any(String),
      ended_at: api.clock.toISOString(),
    })
    const first = (await api.get(`${dead}&limit=2`)).body
    const second = (await api.get(`${dead}&limit=2&cursor=${first.next_cursor}`)).body
    expect([...first.data, ...second.data]).toEqual(listed)
    expect(second.next_cursor).toBeNull()

    endpoint.answer = (_, response) => void response.end()
    const one = await api.post('/v1/webhooks/down/redeliver', { message_id: ids[0] })
    expect(one).toMatchObject({ status: 202, body: { message_ids: [ids[0]] } })
    const waiting = await api.post('/v1/webhooks/down/redeliver', { message_id: ids[0] })
    expect(waiting).toMatchObject({ status: 404 })
    const all = await api.post('/v1/webhooks/down/redeliver', {})
    expect(all.body.message_ids).toEqual(ids.slice(1).sort())
    endpoint.received.length = 0
    await deliver()
    expect(endpoint.received.map(({ id }) => id).sort()).toEqual(ids.toSorted())
    expect((await api.get(dead)).body.data).toEqual([])
    const { data } = (await api.get('/v1/webhooks/down/deliveries?state=delivered')).body
    expect(data.map((row: { attempts: number }) => row.attempts)).toEqual([2, 2, 2])
  })

  test('are begun anew so many at a time', async () => {
    await api.put('/v1/webhooks/heap', { url: endpoint.url })
    await api.database.pool.query(
      `with told as (
         insert into aforo_store.webhook_messages
         select 'default', 'heap-' || no, 'webhook.ping', '{}', now() from generate_series(0, $1::integer) no returning *)
       insert into aforo_store.webhook_deliveries
         (tenant_id, webhook_id, message_id, state, attempts, attempts_max, due_at, recorded_at, ended_at)
       select tenant_id, 'heap', message_id, 'dead', 15, 15, now(), now(), now() from told`,
      [REDELIVERED_MAX],
    )
    const again = async () => (await api.post('/v1/webhooks/heap/redeliver', {})).body.message_ids.length
    expect([await again(), await again(), await again()]).toEqual([REDELIVERED_MAX, 1, 0])
  })

  test('of one tenant are not seen by another', async () => {
    await api.put('/v1/webhooks/mine', { url: endpoint.url })
    const other = { 'x-aforo-tenant': 'other' }
    for (const path of ['', '/deliveries']) {
      expect((await api.get(`/v1/webhooks/mine${path}`, other)).status).toBe(404)
    }
    for (const verb of ['ping', 'rotate', 'redeliver']) {
      expect((await api.post(`/v1/webhooks/mine/${verb}`, {}, other)).status).toBe(404)
    }
  })
})
