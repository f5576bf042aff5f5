import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BUDGET_UNITS, BUDGET_WINDOWS, type Budget } from '../../core/budget.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { openBooks } from '../audit/books.ts'
import { testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO, otherOf } from '../support/usages.ts'
import { gapsOf, openWorld, type World } from './world.ts'

/** Ids that no two calls share, so that traces that name one saw one call. */
const IDS = ['msg_01XFDUDYJgAACzvnptvVoY01', 'msg_01XFDUDYJgAACzvnptvVoY02', null] as const
const CUSTOMERS = ['acme', 'globex', 'initech', null] as const

const span = fc.record({
  trace: fc.integer({ min: 0, max: 4 }),
  no: fc.integer({ min: 0, max: 3 }),
  customer: fc.constantFrom(...CUSTOMERS),
  session: fc.constantFrom('s1', 's2', null),
  product: fc.constantFrom('bot', null),
  kind: fc.constantFrom('call', 'call', 'call', 'other', 'wrapper', 'gateway'),
  responseId: fc.constantFrom(...IDS),
  tokens: fc.constantFrom(10, 10, 333),
  model: fc.constantFrom('claude-sonnet-4-5', 'own-1'),
  minutesAgo: fc.constantFrom(0, 0, 0, 50, 1_430),
})
type Span = typeof span extends fc.Arbitrary<infer T> ? T : never

function usageOf({
  trace,
  no,
  customer,
  session,
  product,
  kind,
  responseId,
  tokens,
  model,
  minutesAgo,
}: Span): Usage {
  const name = `trace ${trace}`
  const startNano = NOON_NANO - BigInt(minutesAgo) * 60_000_000_000n + BigInt(no) * 700_000_000n
  const said = { customer, session, product, startNano, endNano: startNano + 500_000_000n }
  if (kind === 'other') return otherOf(name, `span ${no}`, said)
  const buckets = { ...NO_TOKENS, inputUncached: tokens, outputText: 7 }
  const call = { ...said, buckets, responseId, requestModel: model, responseModel: model }
  if (kind === 'wrapper')
    return callOf(name, `span ${no}`, { ...call, usageClass: 'wrapper', responseId: null })
  if (kind === 'call') return callOf(name, `span ${no}`, call)
  return callOf(name, `span ${no}`, { ...call, scopeName: 'gateway', serviceName: 'gateway', kind: 'server' })
}

const budget: fc.Arbitrary<Partial<Budget>> = fc.record({
  scope: fc.record(
    {
      customer: fc.constantFrom('*', 'acme'),
      session: fc.constantFrom('*', 's1'),
      product: fc.constantFrom('*', 'bot'),
    },
    { requiredKeys: [] },
  ),
  unit: fc.constantFrom(...BUDGET_UNITS),
  window: fc.constantFrom(...BUDGET_WINDOWS),
  limit: fc.constantFrom('10', '20'),
})

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      spans: fc.array(span, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('turns' as const),
      of: fc.subarray(['project', 'project 2', 'cut', 'rate', 'rate 2'] as const, { minLength: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('budget' as const),
      id: fc.constantFrom('a', 'b', 'c'),
      fields: budget,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('end' as const), id: fc.constantFrom('a', 'b', 'c') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('name' as const),
      trace: fc.integer({ min: 0, max: 4 }),
      customer: fc.constantFrom('acme', 'globex'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(3, 40, 3_700) }),
  },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

test('at every commit a counter is what open traces count for and what was rated, whoever works beside whom', {
  timeout: 240_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 12, maxLength: 30 }),
      fc.boolean(),
      async (actions, grouped) => {
        const db = await testDatabase()
        try {
          const world = await openWorld(db.pool)
          const second = openBooks(db.pool)
          await world.price(0, 'house', 'own-2', 'input_uncached', '0.1')
          if (grouped) await world.group(0, 'bot', 'session')
          await world.budget(0, 'a', { scope: { customer: '*' }, unit: 'price', window: 'month' })
          await world.budget(0, 'b', { unit: 'margin_pct', window: 'hour' })
          let seconds = 1
          for (const each of actions) {
            seconds += each.do === 'wait' ? each.seconds : 1
            const watching = watch(() => gapsOf(db.pool, seconds))
            await act(world, second, each, seconds)
            expect(await watching.end()).toEqual([])
          }
          await world.price(seconds, 'house', 'own-1', 'input_uncached', '0.3')
          await comeToRest(world, seconds + 10)
          expect(await world.open()).toEqual([])
          expect(await gapsOf(db.pool, seconds + 200)).toEqual([])
        } finally {
          await db.drop()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  )
})

const RUNS = Number(process.env.BUDGET_RUNS ?? 6)

async function act(world: World, second: ReturnType<typeof openBooks>, action: Action, seconds: number) {
  switch (action.do) {
    case 'push':
      return world.push(seconds, ...action.spans.map(usageOf))
    case 'turns':
      await Promise.all(
        action.of.map((turn) => {
          if (turn === 'project') return world.project(seconds)
          if (turn === 'project 2') return second.project(seconds)
          if (turn === 'cut') return world.cut(seconds)
          return turn === 'rate' ? world.rate(seconds) : second.rate(seconds)
        }),
      )
      return
    case 'budget':
      return world.budget(seconds, action.id, action.fields)
    case 'end':
      return world.end(seconds, action.id).catch((error: { code: string }) => {
        if (error.code !== 'not_found') throw error
      })
    case 'name':
      return world.name(seconds, `trace ${action.trace}`, action.customer)
    case 'wait':
      return
  }
}

/** Looks again and again, at what is committed by then, until it is told to end: what was found, and one last look. */
function watch(look: () => Promise<readonly string[]>): { end(): Promise<readonly string[]> } {
  let ended = false
  const looking = (async () => {
    for (;;) {
      const last = ended
      const found = await look()
      if (found.length > 0 || last) return found
    }
  })()
  return {
    end() {
      ended = true
      return looking
    },
  }
}

async function comeToRest(world: World, from: number): Promise<void> {
  for (let seconds = from; seconds < from + 180; seconds += 15) {
    for (let done = 1; done > 0; ) {
      done = await world.cut(seconds)
      done += await world.rate(seconds)
      done += await world.project(seconds)
    }
  }
}
