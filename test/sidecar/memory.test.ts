import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Budget } from '../../core/budget.ts'
import { COUNTERS_MAX, Memory, SPENDERS_MAX, spenderName } from '../../sidecar/view/memory.ts'

const BUDGET: Budget = {
  scope: { session: '*' },
  unit: 'tokens',
  limit: '10',
  window: 'lifetime',
  mode: 'hard',
}
const FORGET_MS = 10_000
/** A million of them: SESSIONS=1000000 npm test -- test/sidecar/memory.test.ts */
const SESSIONS = Number(process.env.SESSIONS ?? 250_000)

/** A session that nobody asked about before, with a counter of its own of each budget. */
function meet(memory: Memory, no: number, now: number, budgets = 1): void {
  const session = `s${no}`
  const spender = { customer: 'acme', product: null, agent: null, session, trace: null }
  const facts = Array.from({ length: budgets }, (_, i) => ({
    budgetId: `b${i}`,
    budget: BUDGET,
    msLeft: null,
    standing: {
      counter: { budgetId: `b${i}`, counting: 1, subject: `["${session}"]`, windowStart: '-infinity' },
      version: 0,
      used: '0',
      usedCogs: null,
      leased: '0',
      limit: '10',
    },
  }))
  const asker = { name: spenderName(spender), spender, startedAt: null }
  memory.learn(asker, { isKnown: true, budgets: facts, kills: [] } as never, now)
}

test('of ever so many distinct sessions as many are remembered as may be, and the memory they take is bounded', () => {
  const memory = new Memory()
  // Garbage that nobody has collected yet is no memory that it takes.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed / 1_048_576
  }
  let most = 0
  let at50 = 0
  // 10,000 a second: more than one check server reads.
  for (let no = 0; no < SESSIONS; no++) {
    const now = no / 10
    meet(memory, no, now)
    if (no % 10_000 === 0) memory.sweep(now)
    most = Math.max(most, memory.sizes.counters)
    if (no === SESSIONS / 2) at50 = heap()
  }
  expect(memory.sizes.spenders).toBe(SPENDERS_MAX)
  expect(most).toBeLessThanOrEqual(SPENDERS_MAX + FORGET_MS * 10 + 10_001)
  expect(most).toBeLessThan(COUNTERS_MAX)
  expect(heap() - at50, 'MiB that the other half of them took').toBeLessThan(250)
  memory.sweep(200_000)
  memory.sweep(200_000 + FORGET_MS)
  expect(memory.sizes.counters).toBe(SPENDERS_MAX)
})

test('there are so many counters and not one more, until some are let go of', () => {
  const memory = new Memory()
  const each = COUNTERS_MAX / SPENDERS_MAX
  for (let no = 0; no < SPENDERS_MAX; no++) meet(memory, no, 0, each)
  expect(memory.sizes.counters).toBe(COUNTERS_MAX)
  expect(() => meet(memory, SPENDERS_MAX, 0)).toThrow('too many counters')
  expect(memory.sizes.counters).toBe(COUNTERS_MAX)
  expect(() => meet(memory, 7, 0, each), 'whom it knows').not.toThrow()
  memory.sweep(1)
  memory.sweep(1 + FORGET_MS)
  meet(memory, SPENDERS_MAX, 2 + FORGET_MS)
  expect(memory.sizes.counters).toBeLessThan(COUNTERS_MAX)
})
