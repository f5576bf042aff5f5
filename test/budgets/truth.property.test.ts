import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openBooks } from '../audit/books.ts'
import { testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO } from '../support/usages.ts'
import { gapsOf, openWorld } from './world.ts'

const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ push: fc.integer({ min: 0, max: 1 }), seconds: fc.constantFrom(0, 1, 3, 35) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      turns: fc.subarray(['project', 'project 2', 'cut', 'rate', 'rate 2', 'push'] as const, {
        minLength: 1,
      }),
      seconds: fc.constantFrom(0, 1, 3, 35),
    }),
  },
)

const RUNS = Number(process.env.BUDGET_RUNS ?? 6)

test('what is counted is what was used, as soon as all was looked at, whatever was cut and rated meanwhile', {
  timeout: 240_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), async (actions) => {
      const db = await testDatabase()
      try {
        const world = await openWorld(db.pool)
        const second = openBooks(db.pool)
        await world.budget(0, 'all')
        let seconds = 1
        let spans = 0
        const push = (trace: number) => {
          const startNano = NOON_NANO + BigInt(seconds) * 1_000_000_000n + BigInt(spans)
          const at = { startNano, endNano: startNano + 500_000_000n }
          spans++
          return world.push(seconds, callOf(`trace ${trace}`, `span ${spans}`, at))
        }
        for (const each of actions) {
          seconds += each.seconds
          if ('push' in each) await push(each.push)
          else
            await Promise.all(
              each.turns.map((turn) => {
                if (turn === 'push') return push(0)
                if (turn === 'cut') return world.cut(seconds)
                if (turn.startsWith('rate')) return (turn === 'rate' ? world : second).rate(seconds)
                return (turn === 'project' ? world : second).project(seconds)
              }),
            )
          while ((await world.project(seconds)) > 0);
          expect(await world.used('all')).toEqual(spans === 0 ? {} : { '[]': String(120 * spans) })
          expect(await gapsOf(db.pool, seconds)).toEqual([])
        }
      } finally {
        await db.drop()
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
})
