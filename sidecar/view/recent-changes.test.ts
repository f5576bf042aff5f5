import { expect, test } from 'vitest'
import { counterName } from '../../schema/budgets/lease-book.ts'
import { RECENT_CHANGES_MAX, RECENT_MS, RecentChanges } from './recent-changes.ts'

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
  const recent = new RecentChanges()
  recent.keep(counters(standing(1), standing(2)), 0)
  recent.keep(counters(standing(2, 7)), 10)
  recent.keep({ kind: 'kill', of: 'session', id: 's1', isKilled: true }, 20)
  recent.keep({ kind: 'kill', of: 'session', id: 's1', isKilled: false }, RECENT_MS + 20)
  expect(recent.standingOf(counterName(key(1)))?.version).toBe(1)
  expect(recent.standingOf(counterName(key(2)))?.version).toBe(7)
  expect(recent.killOf('session\0s1')?.isKilled).toBe(false)
  expect(recent.isWholeSince(0)).toBe(true)
  recent.forget()
  expect(recent.standingOf(counterName(key(1)))).toBeUndefined()
})

test('it is kept for a time, and an answer that took longer is told so', () => {
  const recent = new RecentChanges()
  recent.keep(counters(standing(1)), 0)
  recent.keep(counters(standing(2)), RECENT_MS)
  expect(recent.standingOf(counterName(key(1)))).toBeDefined()
  expect(recent.isWholeSince(1)).toBe(true)
  recent.keep(counters(standing(3)), 2 * RECENT_MS)
  expect(recent.standingOf(counterName(key(1)))).toBeUndefined()
  expect([RECENT_MS - 1, RECENT_MS].map((askedAt) => recent.isWholeSince(askedAt))).toEqual([false, true])
})

test('at one more than is kept all that was asked for before is told so', () => {
  const recent = new RecentChanges()
  recent.keep(counters(...Array.from({ length: RECENT_CHANGES_MAX }, (_, no) => standing(no))), 10)
  expect(recent.isWholeSince(0)).toBe(true)
  recent.keep(counters(standing(RECENT_CHANGES_MAX)), 20)
  expect(recent.isWholeSince(19)).toBe(false)
  expect(recent.isWholeSince(20)).toBe(true)
})
