import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { transaction } from '../../schema/pool.ts'
import { ATTEMPTS_MAX, enqueueMessage, WAITING_MAX } from '../../schema/webhooks/enqueue.ts'
import { claimAttempts } from '../../webhooks/claim.ts'
import { registerDeadLetters } from '../../webhooks/dead-letters.ts'
import { CLAIMED_MS, createDeliverer, UNDER_WAY_PER_ENDPOINT_MAX } from '../../webhooks/deliverer.ts'
import { FORGET_BATCH_MAX, forgetOld, KEPT_DAYS } from '../../webhooks/forget.ts'
import { ANSWER_BYTES_MAX } from '../../webhooks/send.ts'
import { settleAttempt } from '../../webhooks/settle.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Endpoint, startEndpoint } from './endpoint.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const DAY = 86_400_000

let db: TestDatabase
let endpoint: Endpoint
let clock: Date

beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())
beforeEach(async () => {
  // Receivers hold the time of a signature against their own clock.
  clock = new Date()
  await db.pool.query('delete from aforo_store.webhook_endpoints')
  await db.pool.query('delete from aforo_store.webhook_messages')
  endpoint = await startEndpoint()
  return () => endpoint.stop()
})

async function hook(
  id: string,
  url: string,
  of: { events?: string[]; secrets?: string[]; tenant?: string } = {},
) {
  const { events = null, secrets = [SECRET], tenant = 'default' } = of
  await db.pool.query(
    `insert into aforo_store.webhook_endpoints (tenant_id, webhook_id, url, events, recorded_at)
     values ($1, $2, $3, $4, $5)`,
    [tenant, id, url, events, clock],
  )
  for (const secret of secrets) {
    await db.pool.query(
      `insert into aforo_store.webhook_secrets (tenant_id, webhook_id, secret, recorded_at) values ($1, $2, $3, $4)`,
      [tenant, id, secret, clock],
    )
  }
}

function enqueue(id: string, of: { tenant?: string; data?: Record<string, unknown> } = {}): Promise<number> {
  const { tenant = 'default', data = { amount: '1.50' } } = of
  return transaction(db.pool, (client) =>
    enqueueMessage(client, { tenantId: tenant, type: 'credits.balance_low', data, id, now: clock }),
  )
}

function deliverer(of: { allowPrivate?: boolean; timeoutMs?: number } = {}) {
  const { allowPrivate = true, timeoutMs = 60_000 } = of
  return createDeliverer({
    pool: db.pool,
    log: SILENT,
    allowPrivate: async () => allowPrivate,
    jitter: () => 0.5,
    clock: () => clock,
    timeoutMs,
  })
}

async function deliverAll(of: { allowPrivate?: boolean; timeoutMs?: number } = {}): Promise<void> {
  const one = deliverer(of)
  while ((await one.deliver(clock)) > 0) await one.idle()
}

async function deliveries() {
  const { rows } = await db.pool.query<{
    id: string
    state: string
    attempts: number
    error: string | null
    status: number | null
    due: string
  }>(
    `select webhook_id || '/' || message_id as id, state, attempts, last_error as error, last_status as status,
       (extract(epoch from due_at - $1::timestamptz))::text as due
     from aforo_store.webhook_deliveries order by 1`,
    [clock],
  )
  return rows
}

const later = (ms: number) => {
  clock = new Date(clock.getTime() + ms)
}

describe('a message', () => {
  test('arrives signed by Standard Webhooks, by every secret that is good', async () => {
    const other = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
    await hook('a', endpoint.url, { secrets: [SECRET, other] })
    expect(await enqueue('m-1', { data: { customer: 'acme', balance: '0.000001' } })).toBe(1)
    await deliverAll()
    const [received] = endpoint.received
    expect(received).toMatchObject({ id: 'm-1', headers: { 'content-type': 'application/json' } })
    for (const secret of [SECRET, other]) {
      expect(endpoint.verified(received!, secret)).toEqual({
        type: 'credits.balance_low',
        timestamp: clock.toISOString(),
        data: { customer: 'acme', balance: '0.000001' },
      })
    }
    expect(() => endpoint.verified({ ...received!, body: '{}' }, SECRET)).toThrow()
    expect(await deliveries()).toMatchObject([{ id: 'a/m-1', state: 'delivered', attempts: 1, status: 200 }])
  })

  test('is told if and only if what it tells of is committed, and once per id', async () => {
    await hook('a', endpoint.url)
    const failing = transaction(db.pool, async (client) => {
      await enqueueMessage(client, {
        tenantId: 'default',
        type: 'credits.balance_low',
        data: {},
        id: 'undone',
        now: clock,
      })
      throw new Error('undone')
    })
    await expect(failing).rejects.toThrow('undone')
    expect([await enqueue('m'), await enqueue('m')]).toEqual([1, 0])
    expect((await Promise.all(Array.from({ length: 8 }, () => enqueue('raced')))).sort()).toEqual([
      ...Array(7).fill(0),
      1,
    ])
    await deliverAll()
    expect(endpoint.received.map(({ id }) => id).sort()).toEqual(['m', 'raced'])
    await expect(enqueue('no id\n')).rejects.toThrow('cannot be the id')
  })

  test('goes to the endpoints of its tenant that take its type', async () => {
    await hook('all', endpoint.url)
    await hook('low', endpoint.url, { events: ['credits.balance_low'] })
    await hook('ping', endpoint.url, { events: ['webhook.ping'] })
    await hook('all', endpoint.url, { tenant: 'other' })
    expect(await enqueue('m')).toBe(2)
    expect(await enqueue('m', { tenant: 'third' })).toBe(0)
    expect((await deliveries()).map(({ id }) => id)).toEqual(['all/m', 'low/m'])
    const { rows } = await db.pool.query('select tenant_id from aforo_store.webhook_messages')
    expect(rows, 'what nobody takes is not kept').toEqual([{ tenant_id: 'default' }])
  })
})

describe('an endpoint that fails', () => {
  test('is tried again with the same id and growing pauses, until the message is dead; then again when asked', async () => {
    endpoint.answer = (_, response) => void response.writeHead(500).end()
    await hook('a', endpoint.url)
    await enqueue('m')
    const pauses: string[] = []
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
      await deliverAll()
      const [row] = await deliveries()
      expect(row).toMatchObject({ state: 'waiting', attempts: attempt, status: 500, error: 'refused' })
      pauses.push(row!.due)
      later(Number(row!.due) * 1000 - 1)
      await deliverAll()
      expect(endpoint.received.length, 'not before it is due').toBe(attempt)
      later(1)
    }
    expect(pauses.slice(0, 4).map(Number)).toEqual([5, 15, 45, 135])
    await deliverAll()
    expect(await deliveries()).toMatchObject([{ state: 'dead', attempts: ATTEMPTS_MAX, error: 'refused' }])
    later(30 * DAY)
    await deliverAll()
    expect(endpoint.received.map(({ id }) => id)).toEqual(Array(ATTEMPTS_MAX).fill('m'))
    expect(new Set(endpoint.received.map(({ body }) => body)).size).toBe(1)
  })

  test.each([
    ['a redirect', 'redirect', 302],
    ['a server error', 'refused', 503],
    ['a client error', 'refused', 400],
  ])('counts %s as a failure', async (_, error, status) => {
    const elsewhere = await startEndpoint()
    endpoint.answer = (_request, response) =>
      void response.writeHead(status, { location: elsewhere.url }).end()
    await hook('a', endpoint.url)
    await enqueue('m')
    await deliverAll()
    expect(await deliveries()).toMatchObject([{ state: 'waiting', error, status }])
    expect(elsewhere.received).toEqual([])
    await elsewhere.stop()
  })

  test('that is gone for good is not tried again', async () => {
    endpoint.answer = (_, response) => void response.writeHead(410).end()
    await hook('a', endpoint.url)
    await enqueue('m')
    await deliverAll()
    expect(await deliveries()).toMatchObject([{ state: 'dead', attempts: 1, error: 'gone' }])
  })

  test('may ask for a longer pause', async () => {
    endpoint.answer = (_, response) => void response.writeHead(429, { 'retry-after': '120' }).end()
    await hook('a', endpoint.url)
    await enqueue('m')
    await deliverAll()
    expect((await deliveries()).map(({ due }) => Number(due))).toEqual([120])
  })

  test('by never answering is left after the time limit', async () => {
    endpoint.answer = () => {}
    await hook('a', endpoint.url)
    await enqueue('m')
    await deliverAll({ timeoutMs: 50 })
    expect(await deliveries()).toMatchObject([{ state: 'waiting', error: 'timeout', status: null }])
  })

  test('by not being there is told by name', async () => {
    await hook('a', endpoint.url)
    await enqueue('m')
    await endpoint.stop()
    await deliverAll()
    expect(await deliveries()).toMatchObject([{ state: 'waiting', error: 'ECONNREFUSED' }])
    endpoint = await startEndpoint()
  })
})

test('an answer without end is cut off', async () => {
  let sent = 0
  const closed = new Promise<void>((resolve) => {
    endpoint.answer = (_, response) => {
      const more = () => {
        while (!response.closed && sent < 4096 * ANSWER_BYTES_MAX) {
          sent += 1024
          if (!response.write(Buffer.alloc(1024))) break
        }
      }
      response
        .on('drain', more)
        .on('close', resolve)
        .on('error', () => {})
      more()
    }
  })
  await hook('a', endpoint.url)
  await enqueue('m')
  await deliverAll()
  await closed
  expect(await deliveries()).toMatchObject([{ state: 'delivered' }])
  expect(sent).toBeLessThan(4096 * ANSWER_BYTES_MAX)
})

test('a slow endpoint has few attempts under way and holds nobody up', async () => {
  const slow = await startEndpoint()
  slow.answer = () => {}
  await hook('a-slow', slow.url)
  await hook('b-fast', endpoint.url)
  for (let no = 0; no < 20; no++) await enqueue(`m${no}`)
  const one = deliverer({ timeoutMs: 60_000 })
  for (let turns = 0; endpoint.received.length < 20 && turns < 1000; turns++) {
    await one.deliver(clock)
    await new Promise(setImmediate)
  }
  expect(endpoint.received.length).toBe(20)
  await expect.poll(() => slow.received.length).toBe(UNDER_WAY_PER_ENDPOINT_MAX)
  await slow.stop()
  await one.idle()
})

test('several deliverers at once make each attempt once', async () => {
  await hook('a', endpoint.url)
  await hook('b', endpoint.url)
  for (let no = 0; no < 40; no++) await enqueue(`m${no}`)
  await Promise.all(Array.from({ length: 4 }, () => deliverAll()))
  expect(endpoint.received.length).toBe(80)
  expect(new Set((await deliveries()).map(({ state, attempts }) => `${state} ${attempts}`))).toEqual(
    new Set(['delivered 1']),
  )
})

describe('a process that dies in an attempt', () => {
  const limits = () => ({ total: 10, perEndpoint: 10, claimedUntil: new Date(clock.getTime() + CLAIMED_MS) })

  test('loses nothing: after the lease somebody else makes the next one', async () => {
    await hook('a', endpoint.url)
    await enqueue('m')
    const [lost] = await claimAttempts(db.pool, [], limits(), clock)
    await deliverAll()
    expect(endpoint.received).toEqual([])
    later(CLAIMED_MS)
    await deliverAll()
    expect(endpoint.received.map(({ id }) => id)).toEqual(['m'])
    // It was only slow: what it has to say is about an attempt that nobody waits for.
    await settleAttempt(db.pool, lost!, { status: 500, error: 'refused', retryAfterMs: 0 }, clock, 0.5)
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: 2 }])
  })

  test('in the last one leaves it dead', async () => {
    await hook('a', endpoint.url)
    await enqueue('m')
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      expect((await claimAttempts(db.pool, [], limits(), clock)).length).toBe(1)
      later(CLAIMED_MS)
    }
    await deliverAll()
    expect(endpoint.received).toEqual([])
    expect(await deliveries()).toMatchObject([{ state: 'dead', attempts: ATTEMPTS_MAX, error: 'lost' }])
  })
})

test.each(['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433'])(
  'nothing is sent to %s where private addresses are refused',
  async (host) => {
    await hook('a', endpoint.url.replace('127.0.0.1', host))
    await enqueue('m')
    await deliverAll({ allowPrivate: false })
    expect(endpoint.received).toEqual([])
    expect(await deliveries()).toMatchObject([{ state: 'waiting', error: 'private_address', attempts: 1 }])
  },
)

test('what waits for one endpoint is bounded; what comes beyond is dead and listed', async () => {
  await hook('a', endpoint.url)
  await hook('b', endpoint.url)
  await db.pool.query(
    `with told as (
       insert into aforo_store.webhook_messages
       select 'default', 'old-' || no, 'webhook.ping', '{}', $1 from generate_series(2, $2::integer) no returning *)
     insert into aforo_store.webhook_deliveries
       (tenant_id, webhook_id, message_id, state, attempts_max, due_at, recorded_at)
     select tenant_id, 'a', message_id, 'waiting', 15, $1, $1 from told`,
    [clock, WAITING_MAX],
  )
  await enqueue('last')
  await enqueue('beyond')
  const { rows } = await db.pool.query(
    `select webhook_id, message_id, state, last_error from aforo_store.webhook_deliveries
     where message_id in ('last', 'beyond') order by 1, 2 desc`,
  )
  expect(rows).toEqual([
    { webhook_id: 'a', message_id: 'last', state: 'waiting', last_error: null },
    { webhook_id: 'a', message_id: 'beyond', state: 'dead', last_error: 'queue_full' },
    { webhook_id: 'b', message_id: 'last', state: 'waiting', last_error: null },
    { webhook_id: 'b', message_id: 'beyond', state: 'waiting', last_error: null },
  ])
  const registry = new Registry()
  registerDeadLetters(registry, db.pool, SILENT)
  const told = await registry.metrics()
  expect(told).toContain('aforo_webhook_dead{reason="queue_full"} 1')
  expect(told).toContain('aforo_webhook_dead{reason="given_up"} 0')
})

test('what ended long ago is forgotten, what waits is not', async () => {
  await hook('a', endpoint.url)
  for (const id of ['m1', 'm2']) await enqueue(id)
  await deliverAll()
  await hook('b', endpoint.url)
  await enqueue('m3')
  later(KEPT_DAYS * DAY)
  expect(await forgetOld(db.pool, clock)).toBe(0)
  later(1)
  expect(await forgetOld(db.pool, clock)).toBe(4)
  expect((await deliveries()).map(({ id }) => id)).toEqual(['a/m3', 'b/m3'])
  await db.pool.query('delete from aforo_store.webhook_endpoints')
  expect([await forgetOld(db.pool, clock), await forgetOld(db.pool, clock)]).toEqual([1, 0])
  await db.pool.query(
    `insert into aforo_store.webhook_messages
     select 'default', no::text, 'webhook.ping', '{}', $1 from generate_series(0, $2::integer) no`,
    [new Date(0), FORGET_BATCH_MAX],
  )
  expect([await forgetOld(db.pool, clock), await forgetOld(db.pool, clock)]).toEqual([FORGET_BATCH_MAX, 1])
})
