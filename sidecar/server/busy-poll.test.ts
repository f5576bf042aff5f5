import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ANSWERS_SKIPPED_MAX, ANSWERS_SKIPPED_MIN, BUSY_POLL_MS_MAX, BusyPoll } from './busy-poll.ts'

/** A loop whose turns take a while each, and that sleeps where nothing wants a turn. */
function loop(turnMs: number) {
  let now = 0
  let next: (() => void) | null = null
  const awake = new BusyPoll(
    () => now,
    (then) => {
      next = then
    },
  )
  return {
    get isAwake() {
      return next !== null
    },
    /** Answers a question that came so long after the answer before. Whether the loop was awake then, and for how long. */
    answer(afterMs: number): { wasAwake: boolean; turnedMs: number } {
      const until = now + afterMs
      const began = now
      while (next !== null && now + turnMs <= until) {
        now += turnMs
        const then = next
        next = null
        then()
      }
      const wasAwake = next !== null
      const turnedMs = now - began
      now = until
      awake.answered()
      return { wasAwake, turnedMs: wasAwake ? afterMs : turnedMs }
    },
  }
}

const TURN_MS = 0.002
const SOON_MS = BUSY_POLL_MS_MAX / 2
const LATE_MS = BUSY_POLL_MS_MAX * 4

describe('a loop that answered', () => {
  test('is awake for whoever asks again at once, from the second question on', () => {
    const { answer } = loop(TURN_MS)
    expect(answer(1).wasAwake).toBe(false)
    for (let no = 0; no < 1_000; no++) expect(answer(SOON_MS).wasAwake).toBe(true)
  })

  test('is left to sleep where nobody asks in time, and kept awake ever more rarely', () => {
    const { answer } = loop(TURN_MS)
    answer(1)
    const waits: number[] = []
    let last = 0
    for (let no = 1; no < ANSWERS_SKIPPED_MAX * 4; no++) {
      const { wasAwake, turnedMs } = answer(LATE_MS)
      expect(wasAwake).toBe(false)
      expect(turnedMs).toBeLessThanOrEqual(BUSY_POLL_MS_MAX + TURN_MS * 2)
      if (turnedMs === 0) continue
      waits.push(no - last)
      last = no
    }
    const apart = Array.from(
      { length: 20 },
      (_, i) => Math.min(ANSWERS_SKIPPED_MIN * 2 ** i, ANSWERS_SKIPPED_MAX) + 1,
    )
    expect(waits.slice(1)).toEqual(apart.slice(0, waits.length - 1))
    expect(waits.at(-1)).toBe(ANSWERS_SKIPPED_MAX + 1)
  })

  test('comes back to those who ask at once', () => {
    const { answer } = loop(TURN_MS)
    for (let no = 0; no < ANSWERS_SKIPPED_MAX * 2; no++) answer(LATE_MS)
    const found = Array.from({ length: ANSWERS_SKIPPED_MAX * 2 }, () => answer(SOON_MS).wasAwake)
    expect(found.at(-1)).toBe(true)
    expect(found.indexOf(true)).toBeLessThanOrEqual(ANSWERS_SKIPPED_MAX + 1)
  })

  test('turns in vain at most a moment for every so many answers, whenever they are asked', () => {
    const gaps = fc.array(fc.double({ min: 0, max: LATE_MS, noNaN: true }), { maxLength: 400 })
    fc.assert(
      fc.property(gaps, (list) => {
        const { answer } = loop(TURN_MS)
        let inVain = 0
        for (const gap of list) {
          const { wasAwake, turnedMs } = answer(gap)
          if (!wasAwake && turnedMs > 0) inVain += 1
        }
        expect(inVain).toBeLessThanOrEqual(list.length / (ANSWERS_SKIPPED_MIN + 1) + 1)
      }),
    )
  })
})
