import type pg from 'pg'
import type { Actual, CounterKey, Exchange, ExchangeReply } from '../../core/lease.ts'
import { NO_RATES } from '../../core/rate-card.ts'
import { exchange } from '../../schema/budgets/holds.ts'
import { noon } from '../support/usages.ts'

const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }

/** A counter of everybody's use of a lifetime. */
export function counterOf(budgetId: string): CounterKey {
  return { budgetId, counting: 1, subject: '[]', windowStart: '-infinity' }
}

/** A sidecar without a process: what it holds, and what it tells the centre of that, at told seconds after noon. */
export function openDesk(pool: pg.Pool, budgetIds: readonly string[], sidecarId = 'desk') {
  const keys = budgetIds.map(counterOf)
  const leases = new Map<string, string | null>()
  let seq = 0
  async function tell(seconds: number, more: Partial<Exchange>): Promise<ExchangeReply> {
    seq += 1
    const told = { sidecarId, seq, holds: [], ends: [], orders: [], ...more }
    const reply = await exchange(pool, 'default', told, noon(seconds))
    for (const { counter, leaseId } of reply.grants) leases.set(counter.budgetId, leaseId)
    return reply
  }
  return {
    /** Makes its lease of each budget as large as is said: none at 0. */
    lease: (seconds: number, amounts: Readonly<Record<string, number>>) => {
      const orders = keys.map((counter) => {
        const target = String(amounts[counter.budgetId] ?? 0)
        return { counter, leaseId: leases.get(counter.budgetId) ?? null, target, need: target, least: target }
      })
      return tell(seconds, { orders })
    },
    /** Takes a hold out of the leases. */
    hold: (seconds: number, holdId: string, amounts: Readonly<Record<string, number>>, msLeft = 60_000) => {
      const takes = keys.map((counter) => {
        return {
          counter,
          leaseId: leases.get(counter.budgetId) ?? null,
          amount: String(amounts[counter.budgetId] ?? 0),
        }
      })
      const hold = { holdId, spender: NOBODY, model: null, heldBy: 'price' as const, takes, card: NO_RATES }
      return tell(seconds, { holds: [{ ...hold, msLeft, end: null }] })
    },
    settle: (seconds: number, holdId: string, actual: Actual) =>
      tell(seconds, { ends: [{ holdId, actual }] }),
    release: (seconds: number, holdId: string) => tell(seconds, { ends: [{ holdId, actual: null }] }),
  }
}

/** What counters of budgets say in one snapshot: what is used, and what is given out. */
export async function standOf(pool: pg.Pool): Promise<Record<string, { used: number; leased: number }>> {
  const { rows } = await pool.query<{ budget_id: string; used: string; leased: string }>(
    `select budget_id, used, leased from aforo_store.budget_counters where subject = '[]' order by 1`,
  )
  return Object.fromEntries(
    rows.map((row) => [row.budget_id, { used: Number(row.used), leased: Number(row.leased) }]),
  )
}
