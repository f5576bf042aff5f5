import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Usage } from '../../core/usage.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO, otherOf, spanIdOf } from '../support/usages.ts'
import { gapsOf, openWorld, type World } from './world.ts'

/**
 * Nothing counts twice and nothing is missing at any commit: once open traces were looked at, neither cuts nor ratings,
 * each in a transaction of its own, change what all traces together have used, or the ones of a customer or session.
 */

const RUNS = Number(process.env.BUDGET_RUNS ?? 6)

/** What roots say, which come before or after the calls of their traces: whose they are, and which session has them. */
const ROOTS: readonly Partial<Usage>[] = [
  { customer: 'acme', product: 'bot', session: 's1' },
  { customer: 'acme', product: 'bot', session: 's2' },
  { customer: 'globex', product: 'bot', session: 's1' },
  { customer: 'acme', product: 'tool', session: 's1' },
  { customer: null, product: 'bot', session: 's1' },
]

const trace = fc.integer({ min: 0, max: 3 })
const action = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('call' as const), trace, call: fc.nat(60) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('root' as const), trace, says: fc.nat(ROOTS.length - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gateway' as const), trace, call: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('name' as const), trace }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('cut' as const), after: fc.constantFrom(3, 40) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('rate' as const), times: fc.integer({ min: 1, max: 3 }) }),
  },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

const BUDGETS = ['tokens', 'calls', 'days', 'sessions', 'customers']

async function readAll(
  world: World,
  ids: readonly string[],
): Promise<Record<string, Record<string, string>>> {
  const found: Record<string, Record<string, string>> = {}
  for (const id of ids) {
    const used = Object.entries(await world.used(id)).filter(([, amount]) => amount !== '0')
    found[id] = Object.fromEntries(used)
  }
  return found
}

/** Looks until nothing waits. */
async function look(world: World, seconds: number): Promise<void> {
  while ((await world.project(seconds)) > 0);
}

async function run(db: TestDatabase, actions: readonly Action[]): Promise<void> {
  const world = await openWorld(db.pool)
  await world.group(0, 'bot', 'session')
  await world.budget(0, 'tokens')
  await world.budget(0, 'calls', { unit: 'model_calls', window: 'month' })
  await world.budget(0, 'days', { window: 'day' })
  await world.budget(0, 'customers', { scope: { customer: '*' } })
  await world.budget(0, 'sessions', { window: 'session' })
  await world.budget(0, 'prices', { unit: 'price', scope: { customer: '*' }, window: 'month' })
  // Whose a trace is by somebody's word counts from its next cut on.
  const isNamed = actions.some((each) => each.do === 'name')
  const budgets = BUDGETS.filter((id) => id !== 'customers' || !isNamed)
  let seconds = 1
  const calls = new Set<number>()
  const push = async (usage: Usage) => {
    await world.push(seconds, usage)
    await look(world, seconds)
  }
  const callAt = (of: number, call: number, fields: Partial<Usage>) => {
    const startNano = NOON_NANO + BigInt(call) * 1_000_000_000n
    calls.add(call)
    return callOf(`trace ${of}`, `call ${call} ${fields.scopeName ?? ''}`, {
      parentSpanId: spanIdOf('root'),
      customer: null,
      startNano,
      endNano: startNano + 500_000_000n,
      responseId: `msg_01XFDUDYJgAACzvnptvVo${String(call).padStart(3, '0')}`,
      ...fields,
    })
  }
  let stands = await readAll(world, budgets)
  for (const each of actions) {
    seconds += 1
    let isNew = true
    if (each.do === 'call') await push(callAt(each.trace, each.call, {}))
    else if (each.do === 'gateway') {
      const gateway = {
        scopeName: 'gateway',
        serviceName: 'gateway',
        kind: 'server',
        parentSpanId: '',
      } as const
      await push(callAt(each.trace + 10, each.call, gateway))
    } else if (each.do === 'root') await push(otherOf(`trace ${each.trace}`, 'root', ROOTS[each.says]!))
    else if (each.do === 'name') {
      await world.name(seconds, `trace ${each.trace}`, 'globex')
    } else {
      isNew = false
    }
    if (each.do === 'cut') {
      seconds += each.after
      await world.cut(seconds)
    }
    const times = each.do === 'rate' ? each.times : 1
    for (let time = 0; time < times; time++) {
      if (each.do === 'rate') await world.rate(seconds, 1)
      const now = await readAll(world, budgets)
      if (isNew) stands = now
      expect(now, `${each.do} at ${seconds} s`).toEqual(stands)
      expect(now.calls).toEqual(calls.size === 0 ? {} : { '[] 2026-11-01': String(calls.size) })
      expect(await gapsOf(db.pool, seconds)).toEqual([])
    }
  }
  for (let done = 1; done > 0; ) {
    seconds += 40
    done = await world.cut(seconds)
    done += await world.rate(seconds)
    done += await world.project(seconds)
  }
  expect(await world.open()).toEqual([])
  expect((await readAll(world, budgets)).tokens).toEqual(
    calls.size === 0 ? {} : { '[]': String(120 * calls.size) },
  )
}

test('no cut and no rating changes what was counted when open traces were looked at', {
  timeout: 240_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 12, maxLength: 40 }), async (actions) => {
      const db = await testDatabase()
      try {
        await run(db, actions)
      } finally {
        await db.drop()
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
})
