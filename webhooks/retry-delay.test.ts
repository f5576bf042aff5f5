import { expect, test } from 'vitest'
import { ATTEMPTS_MAX } from '../schema/webhooks/enqueue.ts'
import { RETRY_AFTER_MS_MAX, retryDelayMs } from './retry-delay.ts'

const HOUR = 3_600_000

test('the pause grows threefold up to a bound, spread by a quarter', () => {
  const middle = Array.from({ length: 10 }, (_, failed) => retryDelayMs(failed + 1, 0.5) / 1000)
  expect(middle).toEqual([5, 15, 45, 135, 405, 1215, 3645, 10_935, 28_800, 28_800])
  expect([retryDelayMs(1, 0), retryDelayMs(1, 1)]).toEqual([3_750, 6_250])
  expect(retryDelayMs(1_000_000, 1)).toBe(10 * HOUR)
})

test('all attempts together take more than two days and less than four', () => {
  const total = (jitter: number) =>
    Array.from({ length: ATTEMPTS_MAX - 1 }, (_, no) => retryDelayMs(no + 1, jitter)).reduce((a, b) => a + b)
  expect(total(0.5)).toBeGreaterThan(48 * HOUR)
  expect(total(1)).toBeLessThan(96 * HOUR)
})

test('a receiver may ask for a longer pause, within a bound, and not for a shorter one', () => {
  expect(retryDelayMs(1, 0.5, 60_000)).toBe(60_000)
  expect(retryDelayMs(1, 0.5, 1)).toBe(5_000)
  expect(retryDelayMs(1, 0.5, RETRY_AFTER_MS_MAX + 1)).toBe(RETRY_AFTER_MS_MAX)
})
