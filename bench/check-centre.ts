import type { Budget } from '../core/budget.ts'
import type { CounterStanding, Exchange, ExchangeReply } from '../core/lease.ts'
import type { Amounts } from '../core/rate-card.ts'
import { scaled, scaledText } from '../core/scaled.ts'
import { endHold } from '../schema/budgets/book-holds.ts'
import { LEASE_MS } from '../schema/budgets/grant-lease.ts'
import { type BookCounter, counterName, type LeaseBook } from '../schema/budgets/lease-book.ts'
import type { SpenderFacts } from '../schema/budgets/spenders.ts'
import { endOverdue, takeIn } from '../schema/budgets/take-in.ts'
import type { Centre, Change } from '../sidecar/centre/centre.ts'

/** Budgets of the benchmark: enough that nothing is denied. */
const BUDGETS: readonly (readonly [string, Budget])[] = [
  ['calls', { scope: {}, unit: 'model_calls', limit: '100000000000', window: 'lifetime', mode: 'hard' }],
  [
    'money',
    { scope: { customer: '*' }, unit: 'price', limit: '1000000000', window: 'lifetime', mode: 'hard' },
  ],
]
const RATES = { call: '0', input: '0.000003', output: '0.000015', tool: '0' }
const OVERDUE_MS = 1_000

/**
 * A centre in memory, with the decisions of the real one: what is measured is the check, not a database.
 *
 * @param told `spans`: the span of every hold is there by the time the centre hears of the hold, so that it ends and is
 *   forgotten. What a centre remembers lies in a database, and not on the check's heap.
 */
export function memoryCentre(told: 'holds' | 'spans' = 'holds'): Centre {
  const keys = BUDGETS.map(([budgetId, { scope }]) => ({
    budgetId,
    counting: 1,
    subject: scope.customer === '*' ? '["acme"]' : '[]',
    windowStart: '-infinity',
  }))
  const counters = new Map(
    keys.map((key, i): [string, BookCounter] => {
      const name = counterName(key)
      const limit = scaled(BUDGETS[i]![1].limit)
      return [name, { name, key, limit, used: scaled('0.5'), isWhole: false, usedCogs: null, leased: 0n }]
    }),
  )
  const book: LeaseBook = { counters, leases: new Map(), holds: new Map() }
  let version = 0
  setInterval(() => {
    endOverdue(book, Date.now())
    // What is settled would be held for the span that tells of it, and none comes here.
    for (const [id, hold] of book.holds) if (hold.state !== 'active') book.holds.delete(id)
  }, OVERDUE_MS).unref()
  const standings = (): CounterStanding[] =>
    [...counters.values()].map(({ key, used, leased, limit }) => ({
      counter: key,
      version,
      used: scaledText(used),
      usedCogs: null,
      leased: scaledText(leased),
      limit: scaledText(limit!),
    }))
  const facts = (): SpenderFacts => {
    const budgets = standings().map((standing, i) => {
      const [budgetId, budget] = BUDGETS[i]!
      return { budgetId, budget, standing, msLeft: null }
    })
    return { isKnown: true, kills: [], budgets }
  }
  return {
    access: { authorise: async () => 'default' },
    read: async () => facts(),
    // Nothing here is a session's.
    take: async () => ({ isTaken: false, standings: [] }),
    async exchange(_, message: Exchange): Promise<ExchangeReply> {
      version += 1
      const unitOf = (budgetId: string) => BUDGETS.find(([id]) => id === budgetId)![1].unit as keyof Amounts
      const holds = message.holds.map((hold) => ({
        ...hold,
        takes: hold.takes.map(({ counter, leaseId, amount }) => ({
          counter: counterName(counter),
          unit: unitOf(counter.budgetId),
          leaseId,
          amount: scaled(amount),
        })),
      }))
      const orders = message.orders.map((order) => ({ ...order, name: counterName(order.counter) }))
      const { ends, leases } = takeIn(
        book,
        { ...message, holds, orders },
        () => crypto.randomUUID(),
        Date.now(),
      )
      if (told === 'spans') {
        for (const { holdId } of holds) {
          endHold(book, { holdId, actual: null }, Date.now())
          book.holds.delete(holdId)
        }
      }
      const grants = message.orders.map(({ counter }, i) => ({
        counter,
        leaseId: leases[i]?.leaseId ?? null,
        amount: scaledText(leases[i]?.amount ?? 0n),
        msValid: LEASE_MS,
      }))
      return { ends, grants, standings: standings() }
    },
    rates: async () => ({ price: RATES, cogs: RATES, credits: RATES, contextTokens: 200_000 }),
    kill: async () => true,
    lift: async () => true,
    follow(_, tell: (change: Change) => void) {
      tell({ kind: 'reread' })
      const beat = setInterval(() => tell({ kind: 'beat' }), 25)
      return () => clearInterval(beat)
    },
    stop: async () => {},
  }
}
