import type pg from 'pg'
import { NO_RATES } from '../../core/rate-card.ts'
import { defineBudget } from '../../schema/budgets/define.ts'
import { exchange } from '../../schema/budgets/holds.ts'
import { kill } from '../../schema/budgets/kills.ts'
import { transaction } from '../../schema/pool.ts'

/** A lease with a hold, and somebody who is stopped. */
export async function leaseBooks(pool: pg.Pool, now: Date): Promise<void> {
  const budget = { scope: {}, unit: 'tokens', limit: '100000000', window: 'lifetime', mode: 'hard' } as const
  await transaction(pool, (client) => defineBudget(client, 'default', 'held', budget, now))
  const counter = { budgetId: 'held', counting: 1, subject: '[]', windowStart: '-infinity' }
  const message = { sidecarId: 'books', holds: [], ends: [] }
  const order = { counter, leaseId: null, target: '50', need: '50', least: '50' }
  const { grants } = await exchange(pool, 'default', { ...message, seq: 1, orders: [order] }, now)
  const { leaseId } = grants[0]!
  const hold = {
    holdId: 'hold_books',
    spender: { customer: 'acme', product: null, agent: null, session: null, trace: null },
    model: null,
    heldBy: 'price' as const,
    takes: [{ counter, leaseId, amount: '20' }],
    card: NO_RATES,
    msLeft: 60_000,
    end: null,
  }
  await exchange(pool, 'default', { ...message, seq: 2, holds: [hold], orders: [] }, now)
  await kill(pool, 'default', { kind: 'session', id: 'runaway' }, null, now)
}
