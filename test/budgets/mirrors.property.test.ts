import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Usage } from '../../core/usage.ts'
import { testDatabase } from '../support/database.ts'
import { type MadeCall, madeCalls, type Observer, tracesOf } from '../support/traced-calls.ts'
import { gapsOf, openWorld } from './world.ts'

/** How a deployment is instrumented: everything it does is told by the same observers. */
const DEPLOYMENTS: readonly (readonly Observer[])[] = [
  ['framework', 'sdk'],
  ['framework', 'silent'],
  ['sdk', 'gateway'],
  ['framework', 'sdk', 'gateway'],
]

const RUNS = Number(process.env.BUDGET_RUNS ?? 5)

function toldBy(calls: readonly MadeCall[], observers: readonly Observer[]): readonly MadeCall[] {
  // The second sees no cached tokens.
  const blind = observers.length === 2 && !observers.includes('silent') ? observers.slice(1) : []
  // A gateway shares nothing but the id with whoever made the call.
  return calls.map((call) => ({
    ...call,
    toldBy: observers,
    blind,
    hasId: call.hasId || observers.includes('gateway'),
  }))
}

test('calls that several traces tell of count once, open or cut, in whatever order they come', {
  timeout: 240_000,
}, async () => {
  const turns = fc.array(fc.constantFrom('', '', 'cut', 'cut and rate', 'wait'), {
    minLength: 30,
    maxLength: 30,
  })
  const dice = fc.infiniteStream(fc.nat(1_000))
  await fc.assert(
    fc.asyncProperty(
      madeCalls,
      fc.constantFrom(...DEPLOYMENTS),
      turns,
      dice,
      async (calls, observers, then, die) => {
        const db = await testDatabase()
        try {
          const world = await openWorld(db.pool)
          await world.budget(0, 'all')
          await world.budget(0, 'each', { scope: { customer: '*' } })
          const spans = tracesOf('run', toldBy(calls, observers))
            .flat()
            .map((usage): [number, Usage] => [die.next().value as number, usage])
            .sort(([a], [b]) => a - b)
          let seconds = 1
          for (const [no, [, usage]] of spans.entries()) {
            await world.push(seconds, usage)
            while ((await world.project(seconds)) > 0);
            const turn = then[no % then.length]!
            seconds += turn === 'wait' ? 40 : 1
            if (turn.startsWith('cut')) {
              seconds += 3
              await world.cut(seconds)
            }
            if (turn.endsWith('rate')) await world.rate(seconds)
            while ((await world.project(seconds)) > 0);
            expect(await gapsOf(db.pool, seconds)).toEqual([])
          }
          const tokens = String(calls.reduce((sum, call) => sum + call.input + call.cached + call.output, 0))
          expect(await world.used('all')).toEqual({ '[]': tokens })
          if (observers.includes('framework')) {
            expect(await world.used('each')).toEqual({ '["acme"]': tokens })
          }
          for (let done = 1; done > 0; ) {
            seconds += 40
            done = await world.cut(seconds)
            done += await world.rate(seconds)
            done += await world.project(seconds)
          }
          expect(await world.used('all')).toEqual({ '[]': tokens })
          expect(await world.open()).toEqual([])
        } finally {
          await db.drop()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  )
})
