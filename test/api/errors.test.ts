import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BODY_BYTES_MAX } from '../../api/body.ts'
import { encodeCursor } from '../../api/cursor.ts'
import { LONG_ROUTES, ROUTES } from '../../api/routes.ts'
import { type RunningApi, startApi, trace } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  await api.put('/v1/customers/acme', {})
})
afterAll(() => api.stop())

const PLAN = {
  currency: 'USD',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '0.000003' }],
}
const json = { 'content-type': 'application/json' }

describe('a request that cannot be answered', () => {
  const requests: [string, string, RequestInit, number, string][] = [
    ['unknown route', '/v1/nothing', {}, 404, 'not_found'],
    ['unknown method', '/v1/events', { method: 'DELETE' }, 404, 'not_found'],
    [
      'malformed JSON',
      '/v1/customers/a',
      { method: 'PUT', headers: json, body: '{"name":' },
      400,
      'invalid_argument',
    ],
    [
      'JSON that is no object',
      '/v1/customers/a',
      { method: 'PUT', headers: json, body: '[]' },
      400,
      'invalid_argument',
    ],
    [
      'JSON that is text',
      '/v1/customers/a',
      { method: 'PUT', headers: json, body: '"x"' },
      400,
      'invalid_argument',
    ],
    [
      'another content type',
      '/v1/customers/a',
      { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: '{}' },
      415,
      'unsupported_media_type',
    ],
    [
      'an unknown content encoding',
      '/v1/customers/a',
      { method: 'PUT', headers: { ...json, 'content-encoding': 'x-none' }, body: '{}' },
      415,
      'unsupported_media_type',
    ],
    ['an unknown field', '/v1/customers/a', put({ nam: 'x' }), 400, 'invalid_argument'],
    ['a NUL', '/v1/customers/a', put({ name: 'a\0b' }), 400, 'invalid_argument'],
    ['half a surrogate pair', '/v1/customers/a', put({ name: 'a\ud800' }), 400, 'invalid_argument'],
    ['an id with a line break', '/v1/customers/a%0Ab', {}, 404, 'not_found'],
    ['an id with a line break, to be made', '/v1/customers/a%0Ab', put({}), 400, 'invalid_argument'],
    ['an id that is no UTF-8', '/v1/customers/%ff', {}, 400, 'invalid_argument'],
    ['an id too long', `/v1/customers/${'a'.repeat(257)}`, {}, 404, 'not_found'],
    ['a trace id of the wrong length', '/v1/traces/abc', {}, 404, 'not_found'],
    ['a trace id of zeros', `/v1/traces/${'0'.repeat(32)}`, {}, 404, 'not_found'],
    ['an unknown trace', `/v1/traces/${trace(1)}`, {}, 404, 'not_found'],
    ['an unknown event', '/v1/events/evt_x', {}, 404, 'not_found'],
    ['an unknown customer', '/v1/customers/nobody', {}, 404, 'not_found'],
    ['an unknown plan', '/v1/plans/none', {}, 404, 'not_found'],
    ['a plan id that cannot be', '/v1/plans/-x', {}, 404, 'not_found'],
    ['a plan id that cannot be, to be made', '/v1/plans/-x', put({}), 400, 'invalid_argument'],
    ['an invoice id that cannot be', '/v1/invoices/INV-1', {}, 404, 'not_found'],
    ['an unknown exception', '/v1/exceptions/none/resolve', post({ note: 'x' }), 404, 'not_found'],
    [
      'a subscription of nobody',
      '/v1/customers/nobody/subscription',
      put(subscription('p')),
      404,
      'not_found',
    ],
    [
      'a subscription to no plan',
      '/v1/customers/acme/subscription',
      put(subscription('none')),
      404,
      'not_found',
    ],
    ['no subscription', '/v1/customers/acme/subscription', {}, 404, 'not_found'],
    ['an unknown query parameter', '/v1/events?customers=a', {}, 400, 'invalid_argument'],
    ['a query parameter twice', '/v1/events?customer=a&customer=b', {}, 400, 'invalid_argument'],
    ['a status that is none', '/v1/events?status=paid', {}, 400, 'invalid_argument'],
    ['a time that is none', '/v1/events?from=yesterday', {}, 400, 'invalid_argument'],
    ['the 30th of February', '/v1/events?from=2026-02-30T00:00:00Z', {}, 400, 'invalid_argument'],
    ['the year 0', '/v1/events?from=0000-01-01T00:00:00Z', {}, 400, 'invalid_argument'],
    ['a limit above the bound', '/v1/events?limit=501', {}, 400, 'invalid_argument'],
    ['a limit of 0', '/v1/events?limit=0', {}, 400, 'invalid_argument'],
    ['a cursor that is none', '/v1/events?cursor=abc', {}, 400, 'invalid_argument'],
    ['a cursor of another list', `/v1/events?cursor=${encodeCursor(['a'])}`, {}, 400, 'invalid_argument'],
    ['a forged cursor', `/v1/events?cursor=${encodeCursor(['never', 'e', 1])}`, {}, 400, 'invalid_argument'],
    ['margins by nothing', '/v1/margins', {}, 400, 'invalid_argument'],
    ['margins by something else', '/v1/margins?group_by=mood', {}, 400, 'invalid_argument'],
    ['a version that is none', '/v1/plans/p?version=0', {}, 400, 'invalid_argument'],
    [
      'a negative override',
      '/v1/prices/overrides/o',
      put({ tool: 't', unit_price: '-1' }),
      400,
      'invalid_argument',
    ],
    ['an override of nothing', '/v1/prices/overrides/o', put({ unit_price: '1' }), 400, 'invalid_argument'],
    [
      'an override of a model by call',
      '/v1/prices/overrides/o',
      put({ model: 'm', meter: 'tool_call', unit_price: '1' }),
      400,
      'invalid_argument',
    ],
    [
      'a tenant that cannot be',
      '/v1/events',
      { headers: { 'x-aforo-tenant': 'a b' } },
      400,
      'invalid_argument',
    ],
    ['a plan with a negative price', '/v1/plans/p', put(withPrice('-1')), 400, 'invalid_argument'],
    [
      'a bad idempotency key',
      '/v1/customers/a',
      put({}, { 'idempotency-key': 'a b' }),
      400,
      'invalid_argument',
    ],
  ]

  test.each(requests)('%s', async (_what, path, init, status, code) => {
    const answer = await api.send(path, init)
    expect(answer.type).toBe('application/problem+json; charset=utf-8')
    expect(answer).toMatchObject({ status, body: { status, code, type: `urn:aforo:problem:${code}` } })
    expect(answer.body.title).toEqual(expect.any(String))
    expect(answer.body.detail).toEqual(expect.any(String))
  })

  test('names every field at fault, all at once', async () => {
    const { body } = await api.put('/v1/customers/acme/subscription', { from: 'now', anchor_day: 32, x: 1 })
    expect(body.faults.map((fault: { path: string }) => fault.path).sort()).toEqual([
      '/anchor_day',
      '/from',
      '/plan',
      '/x',
    ])
    const query = await api.get('/v1/events?limit=x&status=y&z=1')
    expect(query.body.faults.map((fault: { path: string }) => fault.path).sort()).toEqual([
      '/limit',
      '/status',
      '/z',
    ])
    const plan = await api.put('/v1/plans/p', withPrice('-1'))
    expect(plan.body.faults).toEqual([{ path: '/meters/0/unit_price', message: expect.any(String) }])
  })
})

test('a body is read up to its bound, packed or not', async () => {
  const around = (bytes: number) => `{"name":"a"${' '.repeat(bytes - 12)}}`
  const send = (body: string | ReadableStream, headers: Record<string, string> = {}) =>
    api.send('/v1/customers/big', {
      method: 'PUT',
      headers: { ...json, ...headers },
      body,
      duplex: 'half',
    } as RequestInit)
  expect((await send(around(BODY_BYTES_MAX))).status).toBe(201)
  const over = { status: 413, body: { code: 'body_too_large' } }
  expect(await send(around(BODY_BYTES_MAX + 1))).toMatchObject(over)
  const gzip = (text: string) => new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  expect((await send(gzip(around(BODY_BYTES_MAX)), { 'content-encoding': 'gzip' })).status).toBe(200)
  expect(await send(gzip(around(64 * BODY_BYTES_MAX)), { 'content-encoding': 'gzip' })).toMatchObject(over)
})

test('a body nested without end is refused, not an accident', async () => {
  const body = `{"currency":"USD","meters":${'['.repeat(300_000)}${']'.repeat(300_000)}}`
  const headers = { ...json, 'idempotency-key': 'deep' }
  expect(await api.send('/v1/plans/deep', { method: 'PUT', headers, body })).toMatchObject({ status: 400 })
})

test('a body that says __proto__ reaches no prototype', async () => {
  const body = '{"name":"a","__proto__":{"polluted":true}}'
  const answer = await api.send('/v1/customers/proto', { method: 'PUT', headers: json, body })
  expect(answer.status).toBe(400)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

test('a request without a body is one with an empty body', async () => {
  expect((await api.send('/v1/customers/bodyless', { method: 'PUT' })).status).toBe(201)
})

test('bytes that are no HTTP harm nobody', async () => {
  const { port } = new URL(api.url)
  await new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.end('\x16\x03\x01 nonsense\r\n\r\n'))
    socket.on('close', resolve).on('error', resolve).resume()
  })
  expect((await api.get('/healthz')).body).toEqual({ status: 'ok' })
})

describe('an Idempotency-Key', () => {
  test('gives the first answer again, to the letter, whatever happened since', async () => {
    const key = { 'idempotency-key': 'k-1' }
    const first = await api.put('/v1/plans/repeated', PLAN, key)
    await api.put('/v1/plans/repeated', { ...PLAN, credit_rate: '0.01' })
    const again = await api.put('/v1/plans/repeated', Object.fromEntries(Object.entries(PLAN).reverse()), key)
    expect([first.status, again.status]).toEqual([201, 201])
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body))
    expect([first, again].map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, 'true'])
  })

  test('with another body is a conflict; for another path or tenant it is another key', async () => {
    const key = { 'idempotency-key': 'k-2' }
    expect((await api.put('/v1/customers/k2', { name: 'one' }, key)).status).toBe(201)
    const other = await api.put('/v1/customers/k2', { name: 'two' }, key)
    expect(other).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect((await api.put('/v1/customers/k2b', { name: 'two' }, key)).status).toBe(201)
    const elsewhere = await api.put(
      '/v1/customers/k2',
      { name: 'two' },
      { ...key, 'x-aforo-tenant': 'other' },
    )
    expect(elsewhere.status).toBe(201)
  })

  test('is free again after a failure', async () => {
    const key = { 'idempotency-key': 'k-3' }
    const send = () => api.put('/v1/customers/late/subscription', subscription('repeated'), key)
    expect((await send()).status).toBe(404)
    await api.put('/v1/customers/late', {})
    expect((await send()).status).toBe(201)
  })

  test('used by many at once does the work once', async () => {
    const key = { 'idempotency-key': 'k-4' }
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.put('/v1/customers/k4', {}, key)))
    expect(answers.map((answer) => answer.status)).toEqual(Array(8).fill(201))
    expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true')).toHaveLength(7)
  })
})

describe('an id in an address', () => {
  const named = [...ROUTES, ...LONG_ROUTES].filter(({ path }) => path.includes('{'))
  const asked = named.filter(({ method }) => method !== 'put')
  const about = (routes: typeof named) => routes.map(({ method, path }) => [method, path] as const)
  test.each(about(asked))('that cannot be is not there: %s %s', async (method, path) => {
    const given = path.replace(/\{\w+\}/g, 'x'.repeat(600))
    const { status, body } = await send(method, given)
    expect([status, body.code]).toEqual([404, 'not_found'])
  })

  test.each(about(asked.filter(({ method, path }) => method === 'get' && !path.includes('{export}'))))(
    'that could be and is not: %s %s',
    async (method, path) => {
      const given = path
        .replace('{invoice_id}', `inv_${'0'.repeat(24)}`)
        .replace('{trace_id}', 'f'.repeat(32))
        .replace('{currency}', 'XXX')
        .replace(/\{\w+\}/g, 'nobody')
      const { status, body } = await send(method, given)
      expect([status, body.code]).toEqual([404, 'not_found'])
    },
  )

  test.each(about(named.filter(({ method }) => method === 'put')))(
    'that cannot be is not made: %s %s',
    async (method, path) => {
      const { status, body } = await send(method, path.replace(/\{\w+\}/g, 'x'.repeat(600)))
      expect([status, body.code]).toEqual([400, 'invalid_argument'])
    },
  )

  const send = (method: string, path: string) =>
    method === 'get'
      ? api.get(path)
      : api.send(path, { method: method.toUpperCase(), headers: json, body: '{}' })
})

function subscription(plan: string) {
  return { plan, from: '2026-01-01T00:00:00Z' }
}

function withPrice(unit_price: string) {
  return { ...PLAN, meters: [{ ...PLAN.meters[0], unit_price }] }
}

function put(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: 'PUT', headers: { ...json, ...headers }, body: JSON.stringify(body) }
}

function post(body: unknown): RequestInit {
  return { method: 'POST', headers: json, body: JSON.stringify(body) }
}
