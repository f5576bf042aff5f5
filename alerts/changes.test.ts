import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../core/money.ts'
import { changesOf } from './changes.ts'
import type { Levels } from './levels.ts'
import { type Observation, OPEN_MAX, type OpenState } from './observe/observation.ts'

const LEVELS: Levels = {
  direction: 'above',
  warn: new Decimal(5),
  block: new Decimal(8),
  clearBy: new Decimal(1),
}
const seen = (subject: string, value: number): Observation => ({
  subject,
  about: { customer: subject },
  known: { certainty: 'exact', value: new Decimal(value) },
  figures: {},
})

const observed = fc
  .uniqueArray(fc.record({ subject: fc.string({ maxLength: 3 }), value: fc.integer({ min: 0, max: 10 }) }), {
    selector: ({ subject }) => subject,
  })
  .map((list) => list.map(({ subject, value }) => seen(subject, value)))
const opened: fc.Arbitrary<readonly OpenState[]> = fc.uniqueArray(
  fc.record({
    subject: fc.string({ maxLength: 3 }),
    state: fc.constantFrom('warn' as const, 'block' as const),
    sinceMs: fc.integer({ min: 0, max: 100 }),
  }),
  { selector: ({ subject }) => subject },
)

test('the order of observations and states does not matter', () => {
  fc.assert(
    fc.property(observed, opened, (observations, open) => {
      const found = changesOf(observations, open, LEVELS, 50, 100)
      expect(changesOf([...observations].reverse(), [...open].reverse(), LEVELS, 50, 100)).toEqual(found)
    }),
  )
})

test('what is open and not seen any more ends, after its least time', () => {
  const open = [
    { subject: 'old', state: 'block', sinceMs: 0 },
    { subject: 'new', state: 'warn', sinceMs: 60 },
  ] as const
  const { changes } = changesOf([], open, LEVELS, 50, 100)
  expect(changes).toMatchObject([{ subject: 'old', state: 'ok', reason: 'nothing_to_judge', about: null }])
})

test('one subject beyond the room is left out, the least of them; who is ok again makes room', () => {
  const many = Array.from({ length: OPEN_MAX + 1 }, (_, no) =>
    seen(String(no).padStart(4, '0'), no === 7 ? 5 : 9),
  )
  const { changes, leftOut } = changesOf(many, [], LEVELS, 0, 0)
  expect([changes.length, leftOut]).toEqual([OPEN_MAX, 1])
  expect(changes.some(({ subject }) => subject === '0007')).toBe(false)
  const open = changes.map(({ subject }) => ({ subject, state: 'block' as const, sinceMs: 0 }))
  const next = changesOf([...many.slice(1), seen('0000', 0)], open, LEVELS, 0, 1)
  expect(next.leftOut).toBe(0)
  expect(next.changes.map(({ subject, state }) => [subject, state])).toEqual([
    ['0000', 'ok'],
    ['0007', 'warn'],
  ])
})
