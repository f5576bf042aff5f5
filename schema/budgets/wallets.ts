import type pg from 'pg'
import { subjectOf } from '../../core/budget.ts'
import type { CounterKey } from '../../core/lease.ts'
import type { WalletKey } from '../ledger/wallet.ts'
import { readBudgets } from './spenders.ts'
import { columnsOf } from './standings.ts'

/**
 * Has all who remember a customer's wallet told how it stands: its balance fell otherwise than by usage. Locks its counters,
 * in key order, behind the wallet.
 */
export async function tellWallet(client: pg.ClientBase, { tenantId, customerId }: WalletKey): Promise<void> {
  const spender = { customer: customerId, product: null, agent: null, session: null, trace: null }
  const keys = (await readBudgets(client, tenantId)).flatMap(
    ({ budgetId, counting, budget }): CounterKey[] => {
      const subject = budget.limit === 'balance' ? subjectOf(budget, spender) : null
      return subject === null ? [] : [{ budgetId, counting, subject, windowStart: '-infinity' }]
    },
  )
  if (keys.length === 0) return
  await client.query(
    `with locked as (
       select * from aforo_store.budget_counters
       where tenant_id = $1 and (budget_id, counting_version, subject, window_start) in (
         select * from unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[]))
       order by budget_id, counting_version, subject, window_start
       for update)
     update aforo_store.budget_counters counter set changed_tx = pg_current_xact_id()
     from locked
     where counter.tenant_id = locked.tenant_id and counter.budget_id = locked.budget_id
       and counter.counting_version = locked.counting_version and counter.subject = locked.subject
       and counter.window_start = locked.window_start`,
    [tenantId, ...columnsOf(keys)],
  )
}
