import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Usage } from '../../core/usage.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO, otherOf, spanIdOf } from '../support/usages.ts'
import { expectNoGaps, openWorld, type World } from './world.ts'

let db: TestDatabase
let world: World
beforeEach(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
})
afterEach(() => db.drop())

const CHILD = { parentSpanId: spanIdOf('root') }
/** High-entropy, so that two traces that name it saw one call. */
const SEEN_TWICE = 'msg_01XFDUDYJgAACzvnptvVoYEL'
const GATEWAY: Partial<Usage> = {
  responseId: SEEN_TWICE,
  scopeName: 'gateway',
  serviceName: 'gateway',
  customer: null,
  kind: 'server',
}

async function look(seconds: number): Promise<void> {
  while ((await world.project(seconds)) > 0);
  await expectNoGaps(world, seconds)
}

async function settle(seconds: number): Promise<void> {
  while ((await world.cut(seconds)) > 0);
  await expectNoGaps(world, seconds)
  await world.rate(seconds)
  await expectNoGaps(world, seconds)
  await look(seconds)
}

test('a trace counts while it is open, and its event takes its place to the last digit', async () => {
  await world.budget(0, 'price', { unit: 'price', scope: { customer: 'acme' } })
  await world.push(1, callOf('one', 'root'))
  await look(1)
  const first = await world.used('price')
  expect(first['[]']).toMatch(/^0\.\d+/)
  await world.push(2, callOf('one', 'more'))
  await look(2)
  expect(Number((await world.used('price'))['[]'])).toBeGreaterThan(Number(first['[]']))
  expect(await world.open()).toHaveLength(1)
  await settle(5)
  expect(await world.open()).toEqual([])
  const { rows } = await db.pool.query(
    'select trim_scale(sum(price))::text as price from aforo_store.ratings',
  )
  expect(await world.used('price')).toEqual({ '[]': rows[0].price })
})

test('a wrapper that repeats its calls counts once, whatever comes first', async () => {
  await world.budget(0, 'all')
  const wrapper = callOf('one', 'root', { usageClass: 'wrapper', agentBoundary: true, agent: 'triage' })
  await world.push(1, wrapper)
  await look(1)
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await world.push(2, callOf('one', 'call', CHILD))
  await look(2)
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await settle(5)
  expect(await world.used('all')).toEqual({ '[]': '120' })
})

describe('a call that two traces tell of counts once', () => {
  const client = () => callOf('client', 'root', { responseId: SEEN_TWICE })
  const gateway = () => callOf('gateway', 'root', GATEWAY)

  test.each([
    ['the client first', [client, gateway]],
    ['the gateway first', [gateway, client]],
  ] as const)('while both are open, %s', async (_, [first, second]) => {
    await world.budget(0, 'all')
    await world.budget(0, 'each', { scope: { customer: '*' } })
    await world.push(1, first())
    await look(1)
    await world.push(1, second())
    await look(1)
    expect(await world.used('all')).toEqual({ '[]': '120' })
    expect(await world.used('each')).toEqual({ '["acme"]': '120' })
    await settle(5)
    expect(await world.used('all')).toEqual({ '[]': '120' })
    expect(await world.used('each')).toEqual({ '["acme"]': '120' })
    expect(await world.open()).toEqual([])
  })

  test('where the trace that has it was cut before', async () => {
    await world.budget(0, 'all')
    await world.push(1, client())
    await settle(4)
    await world.push(5, gateway())
    await look(5)
    expect(await world.used('all')).toEqual({ '[]': '120' })
    await settle(9)
    expect(await world.used('all')).toEqual({ '[]': '120' })
    expect(await world.open()).toEqual([])
  })

  test('where a trace that knows more of it comes after a cut, under who that is', async () => {
    await world.budget(0, 'all')
    await world.budget(0, 'each', { scope: { customer: '*' } })
    await world.push(1, gateway())
    await settle(4)
    expect(await world.used('all')).toEqual({ '[]': '120' })
    expect(await world.used('each')).toEqual({})
    await world.push(5, client(), callOf('client', 'more'))
    await look(5)
    expect(await world.used('all')).toEqual({ '[]': '240' })
    expect(await world.used('each')).toEqual({ '["acme"]': '240' })
    await settle(9)
    expect(await world.used('all')).toEqual({ '[]': '240' })
    expect(await world.used('each')).toEqual({ '["acme"]': '240' })
    expect(await world.open()).toEqual([])
  })

  test('while the gateway’s traces are cut one by one and the agent’s stays open', async () => {
    await world.budget(0, 'each', { scope: { customer: '*' } })
    await world.budget(0, 'all')
    const ids = [
      'msg_01XFDUDYJgAACzvnptvVoY01',
      'msg_01XFDUDYJgAACzvnptvVoY02',
      'msg_01XFDUDYJgAACzvnptvVoY03',
    ]
    for (const [no, responseId] of ids.entries()) {
      const seconds = 1 + no * 5
      const startNano = NOON_NANO + BigInt(seconds) * 1_000_000_000n
      const at = { startNano, endNano: startNano + 500_000_000n, responseId }
      await world.push(seconds, callOf('agent', `call ${no}`, { ...CHILD, ...at }))
      await world.push(seconds, callOf(`gateway ${no}`, 'root', { ...GATEWAY, ...at }))
      await look(seconds)
      expect(await world.used('all')).toEqual({ '[]': String(120 * (no + 1)) })
      await settle(seconds + 4)
      expect(await world.used('all')).toEqual({ '[]': String(120 * (no + 1)) })
      expect(await world.used('each')).toEqual({ '["acme"]': String(120 * (no + 1)) })
    }
    await settle(60)
    await look(60)
    expect(await world.open()).toEqual([])
    expect(await world.used('each')).toEqual({ '["acme"]': '360' })
  })
})

test('a model without a price counts as far as its costs are known', async () => {
  await world.budget(0, 'cogs', { unit: 'cogs' })
  await world.budget(0, 'calls', { unit: 'model_calls' })
  await world.push(
    1,
    callOf('one', 'root'),
    callOf('one', 'own', { provider: 'house', requestModel: 'own-1', responseModel: 'own-1' }),
  )
  await look(1)
  const known = await world.used('cogs')
  expect(known['[]']).toMatch(/^0\.0\d+/)
  expect(await world.used('calls')).toEqual({ '[]': '2' })
  await settle(5)
  expect(await world.used('cogs')).toEqual(known)
})

test('an open trace whose customer is named late moves what was rated of it at once', async () => {
  await world.budget(0, 'each', { scope: { customer: '*' } })
  await world.budget(0, 'all')
  await world.push(1, callOf('one', 'root', { customer: null }))
  await settle(5)
  expect(await world.used('each')).toEqual({})
  await world.push(6, otherOf('one', 'late', { customer: 'acme' }))
  await look(6)
  expect(await world.open()).toHaveLength(2)
  expect(await world.used('each')).toEqual({ '["acme"]': '120' })
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await settle(9)
  expect(await world.open()).toEqual([])
  expect(await world.used('each')).toEqual({ '["acme"]': '120' })
})

test('late spans that change nothing leave nothing behind', async () => {
  await world.budget(0, 'all', { unit: 'price' })
  await world.push(1, callOf('one', 'root'))
  await world.push(1, callOf('two', 'root'))
  await settle(5)
  await world.push(6, otherOf('one', 'late'))
  await look(6)
  await settle(9)
  await look(30)
  expect(await world.open()).toEqual([])
})

test('a first budget counts what is open already; ended, it leaves nothing of it', async () => {
  await world.push(1, callOf('one', 'root'))
  await world.budget(2, 'all')
  await look(2)
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await world.end(3, 'all')
  await world.push(3, callOf('one', 'more'))
  for (const table of [
    'open_spend',
    'open_sightings',
    'open_sighting_keys',
    'budget_tenants',
    'spend_queue',
  ]) {
    expect((await db.pool.query(`select * from aforo_store.${table}`)).rows, table).toEqual([])
  }
})

test('traces of a session count one by one while they are open, and as one event then', async () => {
  await world.budget(0, 'all')
  await world.budget(0, 'price', { unit: 'price', scope: { customer: '*' } })
  await world.group(0, 'bot', 'session')
  const bot = { product: 'bot', session: 'chat' }
  await world.push(1, callOf('turn 1', 'root', bot))
  await look(1)
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await settle(4)
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await world.push(5, callOf('turn 2', 'root', bot), callOf('turn 1', 'late', bot))
  await look(5)
  expect(await world.used('all')).toEqual({ '[]': '360' })
  await settle(9)
  expect(await world.used('all')).toEqual({ '[]': '360' })
  expect(await world.open()).toEqual([])
  const { rows } = await db.pool.query(
    'select trim_scale(sum(price))::text as price from aforo_store.ratings',
  )
  expect(await world.used('price')).toEqual({ '["acme"]': rows[0].price })
})

test('a trace of a session that was cut and grows on counts once, whatever of it is rated meanwhile', async () => {
  await world.budget(0, 'all')
  await world.budget(0, 'session', { window: 'session' })
  await world.group(0, 'bot', 'session')
  const bot = { product: 'bot', session: 'chat' }
  const expectUsed = async (tokens: string, seconds: number) => {
    expect(await world.used('all')).toEqual({ '[]': tokens })
    expect(await world.used('session')).toEqual({ '["chat"]': tokens })
    await expectNoGaps(world, seconds)
  }
  await world.push(1, callOf('turn 1', 'root', bot), callOf('turn 2', 'root', bot))
  await look(1)
  for (let seconds = 4, spans = 2; spans < 6; seconds += 4, spans++) {
    await world.cut(seconds)
    await world.push(seconds, callOf('turn 1', `late ${spans}`, bot))
    await look(seconds)
    await expectUsed(String(120 * (spans + 1)), seconds)
    await world.rate(seconds)
    await expectUsed(String(120 * (spans + 1)), seconds)
  }
  await settle(30)
  await expectUsed('720', 30)
  expect(await world.open()).toEqual([])
})

test.each([1, 2])(
  'a trace that goes over to another event counts in one of the two, rated %i at a time',
  async (limit) => {
    await world.budget(0, 'all')
    await world.budget(0, 'each', { window: 'session' })
    await world.group(0, 'bot', 'session')
    const call = callOf('one', 'call', { parentSpanId: spanIdOf('root'), customer: null })
    await world.push(1, call, otherOf('one', 'root', { product: 'bot', session: 'first' }))
    await settle(40)
    expect(await world.used('each')).toEqual({ '["first"]': '120' })
    await world.name(41, 'one', 'globex')
    await world.cut(42)
    // Nobody has looked at it meanwhile: two events wait, and either may be rated first.
    for (let rated = 1; rated > 0; ) {
      rated = await world.rate(42, limit)
      expect(await world.used('all')).toEqual({ '[]': '120' })
      expect(await world.used('each')).toEqual({ '["first"]': '120' })
      await expectNoGaps(world, 42)
    }
    await look(43)
    expect(await world.open()).toEqual([])
  },
)

test('the hold that a span was made under ends in the transaction that counts the span', async () => {
  await world.budget(0, 'all')
  await world.push(1, callOf('one', 'root', { holdId: 'hold_1' }))
  await look(1)
  await world.push(2, callOf('one', 'more', { holdId: 'hold_2' }))
  await look(2)
  const { rows } = await db.pool.query('select hold_id, holding from aforo_store.budget_holds order by 1')
  expect(rows).toEqual([
    { hold_id: 'hold_1', holding: false },
    { hold_id: 'hold_2', holding: false },
  ])
})

test('a trace that its cut found unchanged is told of to budgets, however late they look', async () => {
  await world.budget(0, 'all')
  await world.push(1, callOf('one', 'root'))
  await look(1)
  await settle(5)
  // A span that no call is made of, and one that budgets count the trace for once more.
  await world.push(10, otherOf('one', 'late', CHILD))
  await look(10)
  expect(await world.open(), 'all of it, and what was rated').toHaveLength(2)
  while ((await world.cut(50)) > 0);
  await world.rate(50)
  await expectNoGaps(world, 3_700)
  await look(3_700)
  expect(await world.open()).toEqual([])
})

test('names as long as the journal keeps them count too, and keep no event from being rated', async () => {
  await world.budget(0, 'each', {
    scope: { customer: '*', product: '*', agent: '*' },
    window: 'session',
    unit: 'model_calls',
  })
  // No two characters in a row are alike, so that an index cannot hold them smaller.
  const long = (from: number) =>
    Array.from({ length: 512 }, (_, i) => String.fromCodePoint(0x4e00 + ((from + i * 7_919) % 20_000))).join(
      '',
    )
  const names = { customer: long(1), product: long(2), agent: long(3), session: long(4) }
  await world.push(1, callOf('one', 'root', names))
  await look(1)
  expect(Object.values(await world.used('each'))).toEqual(['1'])
  await settle(40)
  expect(Object.values(await world.used('each'))).toEqual(['1'])
  const { rows } = await db.pool.query('select count(*)::int as count from aforo_store.ratings')
  expect(rows).toEqual([{ count: 1 }])
})
