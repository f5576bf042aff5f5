import { connect } from 'node:net'
import { Metadata } from '@grpc/grpc-js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../../schema/keys.ts'
import { DESCRIPTORS_MAX, ENTRIES_MAX } from '../../../sidecar/doors/envoy/rate-limit.ts'
import { GRPC_BYTES_MAX, GRPC_CONNECTIONS_MAX } from '../../../sidecar/doors/envoy/server.ts'
import { expectRoom } from '../../support/connections.ts'
import { type EnvoyClient, envoyClient, type Told } from '../../support/envoy-proto.ts'
import { type CheckWorld, givenOut, putBudget, startWorld, until, use } from '../start.ts'

let world: CheckWorld
let envoy: EnvoyClient

beforeAll(async () => {
  world = await startWorld()
  envoy = envoyClient(world.running.grpcPort!)
  const { pool } = world.database
  await putBudget(pool, 'calls', { scope: { session: '*' }, unit: 'model_calls', limit: '3' })
  await putBudget(pool, 'slow', {
    scope: { product: 'slow' },
    unit: 'tokens',
    limit: '10',
    throttle: { at: '0', per_second: '0.001' },
  })
})
afterAll(async () => {
  envoy.close()
  await world.stop()
})

/** As Envoy asks about a request, with what it says of it besides. */
function about(headers: Record<string, string>, context_extensions: Record<string, string> = {}) {
  return {
    attributes: {
      source: {
        address: { socket_address: { address: '10.0.0.7', port_value: 40_000 } },
        principal: 'spiffe',
      },
      request: {
        time: { seconds: 1_760_000_000 },
        http: { id: '1', method: 'POST', path: '/apps/chat?x=1', host: 'api', headers, body: 'a prompt' },
      },
      context_extensions,
    },
  }
}

/** Headers of an answer by name. */
function namesOf(options: { header: { key: string; value: string } }[] = []): Record<string, string> {
  return Object.fromEntries(options.map(({ header }) => [header.key, header.value]))
}

async function spend(session: string): Promise<void> {
  await envoy.call('check', about({ 'x-aforo-customer': 'acme', 'x-aforo-session': session }))
  await use(world.database.pool, 'calls', [session], '3')
}

describe('Authorization/Check', () => {
  test('lets a request through, tells upstream and client, and takes off what others say', async () => {
    const headers = { 'x-aforo-customer': 'acme', 'x-aforo-session': 'g1', 'x-aforo-hold-id': 'mine' }
    const told = await envoy.call('check', about(headers))
    expect(told.status?.code ?? 0).toBe(0)
    expect(namesOf(told.ok_response.headers)).toMatchObject({
      'x-aforo-decision': 'allow',
      'x-aforo-reason': 'within_budget',
      'x-aforo-customer': 'acme',
      'x-aforo-budget': 'calls',
      'x-aforo-remaining': '3',
    })
    expect(told.ok_response.headers[0].append_action).toBe('OVERWRITE_IF_EXISTS_OR_ADD')
    expect(told.ok_response.headers_to_remove).toEqual(
      expect.arrayContaining(['x-aforo-hold-id', 'x-aforo-key']),
    )
    expect(namesOf(told.ok_response.response_headers_to_add)).toEqual({
      ratelimit: '"calls";r=3',
      'ratelimit-policy': '"calls";q=3',
    })
    expect(told.dynamic_metadata.fields['x-aforo-reason']).toEqual({ string_value: 'within_budget' })
  })

  test('denies with the status that the route wants', async () => {
    await spend('g-spent')
    const headers = { 'x-aforo-customer': 'acme', 'x-aforo-session': 'g-spent' }
    const decided = async (extensions?: Record<string, string>) =>
      (await envoy.call('check', about(headers, extensions))) as Told
    await until(async () => (await decided()).denied_response !== undefined)
    const denied = await decided()
    expect(denied.status.code).toBe(7)
    expect(denied.denied_response.status.code).toBe(403)
    expect(namesOf(denied.denied_response.headers)['x-aforo-reason']).toBe('budget_exhausted')
    const limited = await decided({ deny: '429' })
    expect([limited.status.code, limited.denied_response.status.code]).toEqual([8, 429])
  })

  test("goes by the route's words before the client's", async () => {
    const told = await envoy.call('check', about({ 'x-aforo-customer': 'acme' }, { customer: 'stranger' }))
    expect(namesOf(told.denied_response.headers)['x-aforo-reason']).toBe('unknown_customer')
    const empty = await envoy.call('check', about({ 'x-aforo-customer': 'acme' }, { customer: '' }))
    expect(namesOf(empty.denied_response.headers)['x-aforo-reason']).toBe('invalid_argument')
  })

  test('takes a hold, and finds the product in the path', async () => {
    await putBudget(world.database.pool, 'chat', { scope: { product: 'chat' }, unit: 'tokens', limit: '100' })
    const extensions = {
      customer: 'acme',
      product_path: '2',
      reserve: 'true',
      input_tokens: '30',
      max_output_tokens: '30',
    }
    const held = await envoy.call('check', about({}, extensions))
    const { 'x-aforo-hold-id': holdId, 'x-aforo-remaining': remaining } = namesOf(held.ok_response.headers)
    expect(remaining).toBe('40')
    expect((await envoy.call('check', about({}, extensions))).denied_response.status.code).toBe(403)
    await world.post(`/v1/holds/${holdId}/release`)
    const again = await envoy.call('check', about({}, extensions))
    await world.post(`/v1/holds/${namesOf(again.ok_response.headers)['x-aforo-hold-id']}/release`)
  })

  test('reads headers that come as bytes', async () => {
    const header_map = { headers: [{ key: 'X-Aforo-Customer', raw_value: Buffer.from('acme') }] }
    const told = await envoy.call('check', { attributes: { request: { http: { header_map } } } })
    expect(told.ok_response).toBeDefined()
  })

  test('denies nobody, and names that cannot be', async () => {
    for (const message of [{}, about({}), about({ 'x-aforo-customer': 'x'.repeat(257) })]) {
      const told = await envoy.call('check', message)
      expect(told.denied_response.status.code).toBe(403)
      expect(namesOf(told.denied_response.headers)['x-aforo-reason']).toBe('invalid_argument')
    }
  })
})

/** A descriptor of entries. */
function descriptor(entries: Record<string, string>, hits?: number) {
  return {
    entries: Object.entries(entries).map(([key, value]) => ({ key, value })),
    ...(hits !== undefined && { hits_addend: { value: hits } }),
  }
}

describe('ShouldRateLimit', () => {
  const limit = (...descriptors: object[]) =>
    envoy.call('shouldRateLimit', { domain: 'ai-gateway', descriptors, hits_addend: 1 })

  test('tells what is left of what is counted', async () => {
    const told = await limit(descriptor({ customer: 'acme', session: 'r1' }))
    expect(told.overall_code).toBe('OK')
    expect(told.statuses).toEqual([
      {
        code: 'OK',
        limit_remaining: 3,
        current_limit: { requests_per_unit: 3, name: 'calls' },
      },
    ])
  })

  test('is over the limit where one descriptor is, and holds nothing then', async () => {
    await spend('r-spent')
    const spent = descriptor({ customer: 'acme', session: 'r-spent' })
    await until(async () => (await limit(spent)).overall_code === 'OVER_LIMIT')
    const reserving = descriptor({
      customer: 'acme',
      product: 'chat',
      reserve: 'true',
      input_tokens: '10',
      max_output_tokens: '10',
    })
    const told = await limit(reserving, spent)
    expect(told.overall_code).toBe('OVER_LIMIT')
    expect(told.statuses.map(({ code }: Told) => code)).toEqual(['OK', 'OVER_LIMIT'])
    expect(told.request_headers_to_add).toBeUndefined()
    expect(told.response_headers_to_add.find(({ key }: Told) => key === 'x-aforo-reason').value).toBe(
      'budget_exhausted',
    )
    await until(async () => (await givenOut(world.database.pool)).held === '0')
  })

  test('holds before the response, and settles with its tokens after', async () => {
    await putBudget(world.database.pool, 'gateway', {
      scope: { product: 'gateway' },
      unit: 'tokens',
      limit: '100',
    })
    const asked = { customer: 'acme', product: 'gateway', reserve: 'true' }
    const most = { input_tokens: '40', max_output_tokens: '40' }
    const before = await limit(descriptor({ ...asked, ...most }))
    const holdId = before.request_headers_to_add.find(({ key }: Told) => key === 'x-aforo-hold-id').value
    expect((await limit(descriptor({ ...asked, ...most }))).overall_code).toBe('OVER_LIMIT')
    const after = await limit(descriptor({ customer: 'acme', hold_id: holdId }, 25))
    expect(after.overall_code).toBe('OK')
    const left = async () => (await limit(descriptor({ customer: 'acme', product: 'gateway' }))).statuses[0]
    await until(async () => (await left()).limit_remaining === 75)
  })

  test('books no tokens of a response without a hold, and knows no hold of others', async () => {
    const one = descriptor({ customer: 'acme', session: 'r2' }, 1_000_000)
    expect((await limit(one)).overall_code).toBe('OK')
    expect((await limit(one)).statuses[0].limit_remaining).toBe(3)
    expect((await limit(descriptor({ hold_id: 'of somebody else' }, 5))).overall_code).toBe('OK')
  })

  test('tells who is throttled when to come again', async () => {
    const slow = descriptor({ customer: 'acme', product: 'slow' })
    await limit(slow)
    const told = await limit(slow)
    expect(told.overall_code).toBe('OVER_LIMIT')
    expect(Number(told.statuses[0].duration_until_reset.seconds)).toBeGreaterThanOrEqual(1)
  })

  test.each([
    ['nobody', { session: 's' }],
    ['a name too long', { customer: 'x'.repeat(257) }],
    ['an estimate that is none', { customer: 'acme', input_tokens: '-1' }],
    [
      'too many entries',
      Object.fromEntries(Array.from({ length: ENTRIES_MAX + 1 }, (_, i) => [`k${i}`, 'v'])),
    ],
  ])('%s is over the limit', async (_, entries) => {
    expect((await limit(descriptor(entries))).overall_code).toBe('OVER_LIMIT')
  })

  test('two customers in one descriptor are over the limit', async () => {
    const twice = {
      entries: [
        { key: 'customer', value: 'acme' },
        { key: 'customer', value: 'acme' },
      ],
    }
    expect((await limit(twice)).overall_code).toBe('OVER_LIMIT')
  })

  test('refuses none, and one descriptor too many', async () => {
    await expect(limit()).rejects.toMatchObject({ code: 3 })
    const many = Array.from({ length: DESCRIPTORS_MAX }, () => descriptor({ customer: 'acme' }))
    expect((await limit(...many)).overall_code).toBe('OK')
    await expect(limit(...many, many[0]!)).rejects.toMatchObject({ code: 3 })
  })
})

describe('the connection', () => {
  test('tells its health, and of each service', async () => {
    for (const service of ['', 'envoy.service.auth.v3.Authorization', 'grpc.health.v1.Health']) {
      expect((await envoy.call('health', { service })).status).toBe('SERVING')
    }
    await expect(envoy.call('health', { service: 'other' })).rejects.toMatchObject({ code: 5 })
  })

  test('refuses what is too large, and calls it does not know', async () => {
    const body = 'x'.repeat(GRPC_BYTES_MAX)
    await expect(envoy.call('check', { attributes: { request: { http: { body } } } })).rejects.toMatchObject({
      code: 8,
    })
    await expect(
      envoy.raw('/envoy.service.auth.v2.Authorization/Check', Buffer.alloc(0)),
    ).rejects.toMatchObject({
      code: 12,
    })
  })

  test(`is one of ${GRPC_CONNECTIONS_MAX}, and the next one is closed at once`, async () => {
    // The client of these tests has one of them.
    await envoy.call('health', {})
    await expectRoom(world.running.grpcPort!, GRPC_CONNECTIONS_MAX - 1)
    expect((await envoy.call('health', {})).status).toBe('SERVING')
  })

  test('answers any bytes, and goes on', async () => {
    const paths = fc.constantFrom(
      '/envoy.service.auth.v3.Authorization/Check',
      '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
      '/grpc.health.v1.Health/Check',
    )
    await fc.assert(
      fc.asyncProperty(paths, fc.uint8Array({ maxLength: 200 }), async (path, bytes) => {
        await envoy.raw(path, Buffer.from(bytes)).catch(({ code }) => expect(code).toBeGreaterThan(0))
      }),
      { numRuns: 100 },
    )
    const socket = connect(world.running.grpcPort!, '127.0.0.1')
    socket.on('error', () => {}).resume()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await new Promise((resolve) => socket.on('close', resolve))
    expect((await envoy.call('health', {})).status).toBe('SERVING')
  })
})

/** Last: from then on, nobody is let in without a key. */
test('a key comes in metadata, or with the original request', async () => {
  const { secret } = await createKey(world.database.pool, { tenantId: 'default', role: 'check' })
  const { secret: other } = await createKey(world.database.pool, { tenantId: 'default', role: 'read' })
  const asked = about({ 'x-aforo-customer': 'acme' })
  await until(async () => (await envoy.call('check', asked)).denied_response?.status.code === 401)
  expect((await envoy.call('check', asked)).status.code).toBe(16)
  const metadata = (key: string) => {
    const made = new Metadata()
    made.set('authorization', `Bearer ${key}`)
    return made
  }
  expect((await envoy.call('check', asked, metadata(secret))).ok_response).toBeDefined()
  expect((await envoy.call('check', asked, metadata(other))).denied_response.status.code).toBe(403)
  const within = about({ 'x-aforo-customer': 'acme', 'x-aforo-key': secret, authorization: 'Bearer sk-app' })
  expect((await envoy.call('check', within)).ok_response).toBeDefined()
  const limit = { domain: 'd', descriptors: [descriptor({ customer: 'acme' })] }
  await expect(envoy.call('shouldRateLimit', limit)).rejects.toMatchObject({ code: 16 })
  await expect(envoy.call('shouldRateLimit', limit, metadata(other))).rejects.toMatchObject({ code: 7 })
  expect((await envoy.call('shouldRateLimit', limit, metadata(secret))).overall_code).toBe('OK')
})
