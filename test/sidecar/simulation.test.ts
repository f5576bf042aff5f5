import fc from 'fast-check'
import { expect, test } from 'vitest'
import { play } from './simulation.ts'
import type { Schedule } from './simulation-checks.ts'

/** More of them: SCHEDULES=100000 npm test -- test/sidecar/simulation.test.ts */
const SCHEDULES = Number(process.env.SCHEDULES ?? 2_000)

const percent = (max: number) => fc.integer({ min: 0, max })
const schedule = (most: { sidecars: number; clients: number }): fc.Arbitrary<Schedule> =>
  fc.record({
    seed: fc.integer({ min: 0, max: 0x7fffffff }),
    sidecars: fc.integer({ min: 1, max: most.sidecars }),
    clients: fc.integer({ min: 1, max: most.clients }),
    calls: fc.integer({ min: 0, max: most.clients }),
    tokens: fc.integer({ min: 0, max: most.clients * 40 }),
    lost: percent(40),
    doubled: percent(40),
    late: percent(10),
    cutOff: percent(50),
    killed: percent(30),
    silent: percent(40),
    released: percent(30),
    work: percent(60),
    first: percent(60),
    rush: fc.integer({ min: 1, max: 240 }),
    away: fc.integer({ min: 1, max: 240 }),
    drift: percent(20),
    changes: fc.integer({ min: 0, max: 6 }),
  })

// A failing schedule is made smaller and printed: `play` with its numbers does the same again.
test('in no schedule is more admitted than a hard limit, and nothing leaks', () => {
  fc.assert(
    fc.property(schedule({ sidecars: 6, clients: 16 }), (numbers) => {
      expect(play(numbers).faults).toEqual([])
    }),
    { numRuns: SCHEDULES },
  )
}, 300_000)

// A sidecar that was cut off let another call into a hold whose span had been counted meanwhile.
test('a hold that was used and has run out is not taken again where nobody told of it', () => {
  const schedule = {
    seed: 597508401,
    sidecars: 3,
    clients: 13,
    calls: 4,
    tokens: 462,
    lost: 37,
    doubled: 40,
    late: 0,
    cutOff: 19,
    killed: 14,
    silent: 23,
    released: 18,
    work: 8,
    rush: 54,
    away: 90,
    drift: 2,
    changes: 0,
  }
  expect(play(schedule).faults).toEqual([])
})

// Recalled twice while its first lease was under way: by a version, and by what the answer said of the limit.
test('a lease that is recalled while it is ordered is not used, though its answer tells of a limit that fell before', () => {
  const schedule = {
    seed: 2018756453,
    sidecars: 2,
    clients: 6,
    calls: 3,
    tokens: 450,
    lost: 10,
    doubled: 5,
    late: 1,
    cutOff: 11,
    killed: 4,
    silent: 26,
    released: 30,
    work: 4,
    rush: 1,
    away: 237,
    drift: 17,
    changes: 6,
  }
  expect(play(schedule).faults).toEqual([])
})

test('nor with 20 sidecars and 200 clients', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7fffffff }), (seed) => {
      const { faults, admitted, denied } = play({ ...BUSY, seed })
      expect(faults).toEqual([])
      expect(admitted).toBeGreaterThan(20)
      expect(denied).toBeGreaterThan(20)
    }),
    { numRuns: 5 + Math.floor(SCHEDULES / 200) },
  )
}, 300_000)

test('nor where sidecars are cut off for longer than their leases last, while many still ask', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7fffffff }), (seed) => {
      expect(play({ ...CUT_OFF, seed }).faults).toEqual([])
    }),
    { numRuns: Math.ceil(SCHEDULES / 20) },
  )
}, 300_000)

test('what was leased beyond a limit that fell is back once all have heard, but for the leases of the dead', () => {
  const { calls, tokens } = BUSY
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7fffffff }), fc.integer({ min: 1, max: 8 }), (seed, changes) => {
      expect(play({ ...BUSY, ...CALM, calls, tokens: 2 * tokens, seed, changes }).faults).toEqual([])
    }),
    { numRuns: Math.ceil(SCHEDULES / 20) },
  )
}, 300_000)

const CALM = { sidecars: 6, clients: 120, lost: 0, doubled: 0, late: 0, cutOff: 0, calm: true } as const

const BUSY: Omit<Schedule, 'seed'> = {
  sidecars: 20,
  clients: 200,
  calls: 100,
  tokens: 4_000,
  lost: 10,
  doubled: 20,
  late: 3,
  cutOff: 20,
  killed: 20,
  silent: 10,
  released: 10,
  work: 30,
  rush: 20,
  away: 60,
  drift: 20,
  changes: 0,
}

/** Half of the messages are lost, so that most of the cut off have one under way, and keep their leases. */
const CUT_OFF: typeof BUSY = {
  sidecars: 4,
  clients: 60,
  calls: 150,
  tokens: 6_000,
  lost: 50,
  doubled: 10,
  late: 3,
  cutOff: 100,
  killed: 0,
  silent: 20,
  released: 10,
  work: 30,
  rush: 200,
  away: 240,
  drift: 20,
  changes: 3,
}
