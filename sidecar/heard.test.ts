import { expect, test } from 'vitest'
import { counterName } from '../schema/budgets/lease-book.ts'
import { HEARD_MAX, HEARD_MS, HeardMeanwhile } from './heard.ts'

const key = (no: number) => ({ budgetId: 'b', counting: 1, subject: `["s${no}"]`, windowStart: '-infinity' })
const standing = (no: number, version = 1) => ({
  counter: key(no),
  version,
  used: '0',
  usedCogs: null,
  leased: '0',
  limit: '1',
})
const counters = (...standings: ReturnType<typeof standing>[]) => ({ kind: 'counters', standings }) as const

test('what was heard since somebody was asked for is found by name, the newest of it', () => {
  const heard = new HeardMeanwhile()
  heard.keep(counters(standing(1), standing(2)), 0)
  heard.keep(counters(standing(2, 7)), 10)
  heard.keep({ kind: 'kill', of: 'session', id: 's1', isKilled: true }, 20)
  heard.keep({ kind: 'kill', of: 'session', id: 's1', isKilled: false }, HEARD_MS + 20)
  expect(heard.standingOf(counterName(key(1)))?.version).toBe(1)
  expect(heard.standingOf(counterName(key(2)))?.version).toBe(7)
  expect(heard.killOf('session\0s1')?.isKilled).toBe(false)
  expect(heard.isWholeSince(0)).toBe(true)
  heard.forget()
  expect(heard.standingOf(counterName(key(1)))).toBeUndefined()
})

test('it is kept for a time, and an answer that took longer is told so', () => {
  const heard = new HeardMeanwhile()
  heard.keep(counters(standing(1)), 0)
  heard.keep(counters(standing(2)), HEARD_MS)
  expect(heard.standingOf(counterName(key(1)))).toBeDefined()
  expect(heard.isWholeSince(1)).toBe(true)
  heard.keep(counters(standing(3)), 2 * HEARD_MS)
  expect(heard.standingOf(counterName(key(1)))).toBeUndefined()
  expect([HEARD_MS - 1, HEARD_MS].map((askedAt) => heard.isWholeSince(askedAt))).toEqual([false, true])
})

test('at one more than is kept all that was asked for before is told so', () => {
  const heard = new HeardMeanwhile()
  heard.keep(counters(...Array.from({ length: HEARD_MAX }, (_, no) => standing(no))), 10)
  expect(heard.isWholeSince(0)).toBe(true)
  heard.keep(counters(standing(HEARD_MAX)), 20)
  expect(heard.isWholeSince(19)).toBe(false)
  expect(heard.isWholeSince(20)).toBe(true)
})
