import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALERT_STATES, type AlertState } from '../core/alert.ts'
import { Decimal } from '../core/money.ts'
import { type Known, type Levels, nextState } from './levels.ts'

const amount = fc.integer({ min: 0, max: 1_000 }).map((n) => new Decimal(n).div(10))
const state = fc.constantFrom(...ALERT_STATES)

/** Thresholds that the API would take. */
const levels: fc.Arbitrary<Levels> = fc
  .record({
    direction: fc.constantFrom('above' as const, 'below' as const),
    warn: fc.option(amount),
    further: fc.option(amount),
    clearBy: fc.integer({ min: 0, max: 50 }).map((n) => new Decimal(n).div(10)),
  })
  .map(({ direction, warn, further, clearBy }) => {
    const block =
      warn === null || further === null
        ? further
        : direction === 'above'
          ? warn.plus(further)
          : warn.minus(further)
    return { direction, warn, block, clearBy }
  })

const exact = (value: Decimal): Known => ({ certainty: 'exact', value })
const rank = (each: AlertState) => ALERT_STATES.indexOf(each)
/** The value as far as it is beyond: more is worse. */
const badness = ({ direction }: Levels, value: Decimal) => (direction === 'above' ? value : value.negated())

describe('the next state', () => {
  test('is what was there where nothing new was seen: looking twice is looking once', () => {
    fc.assert(
      fc.property(levels, state, amount, fc.nat(200), (at, before, value, sinceMs) => {
        const first = nextState({ state: before, sinceMs }, exact(value), at, 50, 200)
        const since = first === before ? sinceMs : 200
        expect(nextState({ state: first, sinceMs: since }, exact(value), at, 50, 200)).toBe(first)
      }),
    )
  })

  test('is never better for a value that is further beyond', () => {
    fc.assert(
      fc.property(levels, state, amount, amount, fc.nat(200), (at, before, one, other, sinceMs) => {
        const [mild, bad] = [one, other].sort((a, b) => badness(at, a).comparedTo(badness(at, b))) as [
          Decimal,
          Decimal,
        ]
        const of = (value: Decimal) => rank(nextState({ state: before, sinceMs }, exact(value), at, 50, 200))
        expect(of(mild)).toBeLessThanOrEqual(of(bad))
      }),
    )
  })

  test('does not change while a value wavers within the slack of the threshold it passed', () => {
    fc.assert(
      fc.property(
        levels.filter(({ warn, block, clearBy }) => warn !== null && block === null && !clearBy.isZero()),
        fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { minLength: 1 }),
        (at, wavers) => {
          const back = at.direction === 'above' ? -1 : 1
          const start = at.direction === 'above' ? at.warn! : at.warn!.minus('0.1')
          let now = nextState({ state: 'ok', sinceMs: 0 }, exact(start), at, 0, 0)
          expect(now).toBe('warn')
          for (const [i, waver] of wavers.entries()) {
            const value = at.warn!.plus(at.clearBy.times(waver).times(back))
            now = nextState({ state: now, sinceMs: 0 }, exact(value), at, 0, i)
            expect(now).toBe('warn')
          }
        },
      ),
    )
  })

  test('changes at most twice in the least time, however the value swings', () => {
    const swings = fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), amount), { maxLength: 60 })
    fc.assert(
      fc.property(levels, swings, (at, seen) => {
        const leastMs = 100
        let since = { state: 'ok' as AlertState, sinceMs: 0 }
        let ms = 1_000
        const better: number[] = []
        for (const [pause, value] of seen) {
          ms += pause
          const next = nextState(since, exact(value), at, leastMs, ms)
          if (rank(next) < rank(since.state)) better.push(ms)
          if (next !== since.state) since = { state: next, sinceMs: ms }
        }
        for (const [i, at] of better.entries())
          if (i > 0) expect(at - better[i - 1]!).toBeGreaterThanOrEqual(leastMs)
      }),
    )
  })

  test('is never better for what is known at best, and the same for what is unknown', () => {
    fc.assert(
      fc.property(levels, state, amount, (at, before, value) => {
        const next = nextState({ state: before, sinceMs: 0 }, { certainty: 'at_best', value }, at, 0, 1)
        expect(rank(next)).toBeGreaterThanOrEqual(rank(before))
        expect(nextState({ state: before, sinceMs: 0 }, { certainty: 'unknown' }, at, 0, 1)).toBe(before)
      }),
    )
  })

  test.each([
    ['at the threshold', '0.8', 'ok', 'warn'],
    ['below it', '0.7999', 'ok', 'ok'],
    ['at the end of the slack', '0.75', 'warn', 'warn'],
    ['past it', '0.7499', 'warn', 'ok'],
    ['from one to the other', '1', 'warn', 'block'],
    ['back by one', '0.94', 'block', 'warn'],
    ['back by all', '0', 'block', 'ok'],
  ] as const)('%s', (_, value, before, after) => {
    const at = {
      direction: 'above',
      warn: new Decimal('0.8'),
      block: new Decimal(1),
      clearBy: new Decimal('0.05'),
    } as const
    expect(nextState({ state: before, sinceMs: 0 }, exact(new Decimal(value)), at, 60, 60)).toBe(after)
  })
})
