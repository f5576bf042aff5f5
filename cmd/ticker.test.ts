import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { SILENT } from '../core/log.ts'
import { startTicker } from './ticker.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const options = { name: 'test', everyMs: 100, backoffMsMax: 400, log: SILENT }

it('goes on at once while there is work, then pauses', async () => {
  const results = [3, 2, 0, 0]
  const turns: number[] = []
  const ticker = startTicker(async (now) => {
    turns.push(now.getTime())
    return results.shift() ?? 0
  }, options)
  await vi.advanceTimersByTimeAsync(0)
  expect(turns.length).toBe(3)
  await vi.advanceTimersByTimeAsync(99)
  expect(turns.length).toBe(3)
  await vi.advanceTimersByTimeAsync(1)
  expect(turns.length).toBe(4)
  await ticker.stop()
})

it('waits longer after each failure, and no longer than told', async () => {
  let turns = 0
  const ticker = startTicker(async () => {
    turns++
    throw new Error('database away')
  }, options)
  await vi.advanceTimersByTimeAsync(0)
  expect(turns).toBe(1)
  await vi.advanceTimersByTimeAsync(199)
  expect(turns).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(turns).toBe(2)
  await vi.advanceTimersByTimeAsync(400)
  expect(turns).toBe(3)
  await vi.advanceTimersByTimeAsync(400)
  expect(turns).toBe(4)
  await ticker.stop()
})

it('wakes before its time, and never runs two turns at once', async () => {
  let running = 0
  let most = 0
  let turns = 0
  const ticker = startTicker(async () => {
    running++
    turns++
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, 50))
    running--
    return 0
  }, options)
  await vi.advanceTimersByTimeAsync(10)
  ticker.wake()
  ticker.wake()
  await vi.advanceTimersByTimeAsync(45)
  expect(turns).toBe(2)
  await vi.advanceTimersByTimeAsync(60)
  expect(most).toBe(1)
  const stopping = ticker.stop()
  await vi.advanceTimersByTimeAsync(100)
  await stopping
  const after = turns
  await vi.advanceTimersByTimeAsync(1000)
  expect(turns).toBe(after)
})
