import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from './money.ts'
import { decideTopUp, type TopUpRule } from './top-up.ts'

const RULE: TopUpRule = {
  threshold: new Decimal(10),
  amount: new Decimal(100),
  requestsMax: 2,
  windowSeconds: 100,
  cooldownSeconds: 10,
}
const at = (seconds: number) => seconds * 1_000_000
const decide = (balance: string, asked: readonly number[], now: number) =>
  decideTopUp(RULE, new Decimal(balance), asked.map(at), at(now))

test('credits are asked for below the threshold, not at it', () => {
  expect(decide('10', [], 0)).toEqual({ kind: 'enough' })
  expect(decide('9.999999999999999999', [], 0)).toEqual({ kind: 'ask' })
})

test('not again before the cooldown is over, and not more often than the window allows', () => {
  expect(decide('0', [50], 59)).toEqual({ kind: 'wait', until: at(60) })
  expect(decide('0', [50], 60)).toEqual({ kind: 'ask' })
  expect(decide('0', [60, 50], 75)).toEqual({ kind: 'wait', until: at(150) })
  expect(decide('0', [60, 50], 150)).toEqual({ kind: 'ask' })
  expect(decide('0', [145, 60, 50], 150)).toEqual({ kind: 'wait', until: at(160) })
})

test('however debits come, no window has more requests than it may, and none is within a cooldown', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 30 }), { maxLength: 60 }),
      fc.record({
        requestsMax: fc.integer({ min: 1, max: 4 }),
        windowSeconds: fc.integer({ min: 1, max: 100 }),
        cooldownSeconds: fc.nat({ max: 20 }),
      }),
      (steps, bounds) => {
        let now = 0
        const asked: number[] = []
        for (const step of steps) {
          now += step
          const decision = decideTopUp({ ...RULE, ...bounds }, new Decimal(0), asked, at(now))
          if (decision.kind === 'ask') asked.unshift(at(now))
          else if (decision.kind === 'wait') {
            expect(decision.until).toBeGreaterThan(at(now))
            const then = decideTopUp({ ...RULE, ...bounds }, new Decimal(0), asked, decision.until)
            expect(then, 'no longer than it must').toEqual({ kind: 'ask' })
          }
        }
        asked.forEach((instant, no) => {
          const [next, nth] = [asked[no - 1], asked[no - bounds.requestsMax]]
          if (next !== undefined) expect(next - instant).toBeGreaterThanOrEqual(at(bounds.cooldownSeconds))
          if (nth !== undefined) expect(nth - instant).toBeGreaterThanOrEqual(at(bounds.windowSeconds))
        })
      },
    ),
  )
})
