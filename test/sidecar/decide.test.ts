import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Budget } from '../../core/budget.ts'
import { amountsOf, NO_RATES } from '../../core/rate-card.ts'
import { scaled } from '../../core/scaled.ts'
import { BoundedMap } from '../../sidecar/bounded-map.ts'
import { decide, passThrottled, type Question } from '../../sidecar/deciding/decide.ts'
import { Counter } from '../../sidecar/view/counter.ts'
import { Memory, SPENDERS_MAX, spenderName } from '../../sidecar/view/memory.ts'
import { termsOf } from '../../sidecar/view/terms.ts'

let no = 0
function counter(used: string, budget: Partial<Budget> = {}, more: Partial<Counter> = {}): Counter {
  const whole: Budget = {
    scope: {},
    unit: 'tokens',
    limit: '100',
    window: 'lifetime',
    mode: 'hard',
    ...budget,
  }
  const key = { budgetId: `b${no++}`, counting: 1, subject: '[]', windowStart: '-infinity' }
  const made = new Counter(
    key.budgetId,
    key,
    termsOf(key.budgetId, whole),
    scaled(whole.limit === 'balance' ? '100' : whole.limit),
  )
  made.used = scaled(used)
  return Object.assign(made, more)
}

const ask = (counters: readonly Counter[], more: Partial<Question> = {}): Question => ({
  counters,
  isKnown: true,
  isKilled: false,
  need: null,
  wantsHold: false,
  isAway: false,
  isUnderWay: false,
  ...more,
})
const need = (tokens: bigint) => ({
  amounts: amountsOf(NO_RATES, { inputTokens: tokens, outputTokens: 0n, toolCalls: 0n }),
  isComplete: true,
})
const margin = (price: string, cogs: string | null, more: Partial<Budget> = {}) =>
  counter(
    price,
    { unit: 'margin_pct', limit: '20', ...more },
    { usedCogs: cogs === null ? null : scaled(cogs) },
  )

test.each<[string, Question, string, string]>([
  ['nobody knows him', ask([counter('100')], { isKnown: false, isKilled: true }), 'deny', 'unknown_customer'],
  ['he was stopped, and has nothing left', ask([counter('100')], { isKilled: true }), 'deny', 'killed'],
  ['nothing is left', ask([counter('100')]), 'deny', 'budget_exhausted'],
  ['the limit is nothing', ask([counter('0', { limit: '0' })]), 'deny', 'budget_exhausted'],
  [
    'no credits are left',
    ask([counter('100', { unit: 'credits', limit: 'balance' })]),
    'deny',
    'wallet_empty',
  ],
  ['too little is left for the call', ask([counter('95')], { need: need(6n) }), 'deny', 'budget_exhausted'],
  ['just enough is left', ask([counter('95')], { need: need(5n) }), 'allow', 'within_budget'],
  ['others have the rest', ask([counter('50', {}, { leased: scaled('50') })]), 'deny', 'budget_exhausted'],
  [
    'exhausted goes before stale',
    ask([counter('100', { on_outage: 'closed' })], { isAway: true }),
    'deny',
    'budget_exhausted',
  ],
  ['closed while away', ask([counter('1', { on_outage: 'closed' })], { isAway: true }), 'deny', 'stale'],
  [
    'soft and closed while away',
    ask([counter('1', { mode: 'soft', on_outage: 'closed' })], { isAway: true }),
    'deny',
    'stale',
  ],
  ['bounded without a lease while away', ask([counter('1')], { isAway: true }), 'deny', 'stale'],
  ['open while away', ask([counter('1', { on_outage: 'open' })], { isAway: true }), 'allow', 'within_budget'],
  ['below a hard floor', ask([margin('100', '81')]), 'deny', 'margin_floor'],
  ['at the floor', ask([margin('100', '80')]), 'allow', 'within_budget'],
  ['below a soft floor', ask([margin('100', '81', { mode: 'soft' })]), 'warn', 'margin_floor'],
  ['too little to judge', ask([margin('99', '81', { floor_after: '100' })]), 'allow', 'within_budget'],
  ['nobody knows the cost', ask([margin('100', null)]), 'allow', 'within_budget'],
  [
    'a hold without a price',
    ask([counter('1', { unit: 'price' })], { need: need(1n), wantsHold: true }),
    'deny',
    'unpriced',
  ],
  [
    'a hold by the budget’s estimate',
    ask([counter('1', { unit: 'price', estimate: '2' })], { need: need(1n), wantsHold: true }),
    'allow',
    'within_budget',
  ],
  ['a soft limit', ask([counter('100', { mode: 'soft' })]), 'warn', 'soft_limit'],
  [
    'a soft limit that the call may pass',
    ask([counter('95', { mode: 'soft' })], { need: need(6n) }),
    'warn',
    'soft_limit',
  ],
  [
    'a soft limit that the call may reach',
    ask([counter('95', { mode: 'soft' })], { need: need(5n) }),
    'allow',
    'within_budget',
  ],
  [
    'a soft limit, and nobody bounds the call',
    ask([counter('95', { mode: 'soft' })], { need: { ...need(6n), isComplete: false } }),
    'allow',
    'within_budget',
  ],
  ['a share to warn at', ask([counter('80', { warn_at: ['0.9', '0.8'] })]), 'warn', 'soft_limit'],
  [
    'all is held, to work under way',
    ask([counter('50', {}, { leased: scaled('50') })], { isUnderWay: true }),
    'allow',
    'within_budget',
  ],
  ['all is used, to work under way', ask([counter('100')], { isUnderWay: true }), 'deny', 'budget_exhausted'],
  [
    'bounded while away, to work under way',
    ask([counter('1')], { isUnderWay: true, isAway: true }),
    'allow',
    'within_budget',
  ],
  [
    'closed while away, to work under way',
    ask([counter('1', { on_outage: 'closed' })], { isUnderWay: true, isAway: true }),
    'deny',
    'stale',
  ],
  ['no budget', ask([]), 'allow', 'within_budget'],
])('%s', (_, question, verdict, reason) => {
  expect(decide(question, 0)).toMatchObject({ verdict, reason })
})

test('a throttle lets one through, then says when', () => {
  const slow = counter('90', { throttle: { at: '0.9', per_second: '2' } })
  expect(decide(ask([slow]), 1_000).verdict).toBe('allow')
  passThrottled([slow])
  expect(decide(ask([slow]), 1_000)).toMatchObject({ verdict: 'throttle', waitMs: 500 })
  expect(decide(ask([slow]), 1_400)).toMatchObject({ verdict: 'throttle', waitMs: 100 })
  expect(decide(ask([slow]), 1_500).verdict).toBe('allow')
})

test('to decide changes nothing', () => {
  const amounts = fc.bigInt({ min: 0n, max: 200n })
  fc.assert(
    fc.property(fc.array(fc.tuple(amounts, amounts), { maxLength: 6 }), amounts, (uses, wanted) => {
      const counters = uses.map(([used, leased]) =>
        counter(`${used}`, { warn_at: ['0.5'] }, { leased: leased * 10n ** 17n }),
      )
      const question = ask(counters, { need: need(wanted) })
      const first = decide(question, 5)
      expect(decide(question, 5)).toEqual(first)
      const isShort = counters.some((each) => each.roomAt(5) <= 0n || each.roomAt(5) < scaled(`${wanted}`))
      expect(first.reason === 'budget_exhausted').toBe(isShort)
    }),
  )
})

test('what is remembered is bounded, and what was forgotten is asked for again', () => {
  const memory = new Memory()
  const name = (session: number) => spenderName({ ...NOBODY, session: `s${session}` })
  for (let i = 0; i <= SPENDERS_MAX; i++) {
    const asker = { name: name(i), spender: { ...NOBODY, session: `s${i}` }, startedAt: null }
    memory.learn(asker, { isKnown: true, kills: [], budgets: [] }, 0)
  }
  expect(memory.sizes.spenders).toBe(SPENDERS_MAX)
  expect(memory.find(name(0))).toBeUndefined()
  expect(memory.find(name(SPENDERS_MAX))).toBeDefined()
  const forgotten: number[] = []
  const two = new BoundedMap<string, number>(2, (value) => forgotten.push(value))
  two.set('a', 1)
  two.set('b', 2)
  two.set('a', 3)
  two.set('c', 4)
  expect(forgotten).toEqual([1, 2])
})

const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }
