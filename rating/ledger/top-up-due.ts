import type pg from 'pg'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { requestTopUps } from '../../schema/ledger/top-up.ts'
import type { WalletKey } from '../../schema/ledger/wallet.ts'
import { transaction } from '../../schema/pool.ts'

/** Customers of one transaction. */
export const TOP_UP_BATCH_MAX = 100

/**
 * Looks again at customers whose request went unanswered, or could not be made for the limit of a window: who has run
 * out takes nothing more that would look.
 * @returns how many were looked at
 */
export async function topUpDue(pool: pg.Pool, now: Date): Promise<number> {
  return transaction(pool, async (client) => {
    const { rows } = await client.query<WalletKey & pg.QueryResultRow>(
      `select tenant_id as "tenantId", customer_id as "customerId" from aforo_store.credit_top_up_rules
       where check_at <= $1 order by check_at limit $2`,
      [now.toISOString(), TOP_UP_BATCH_MAX],
    )
    if (rows.length === 0) return 0
    const walletOf = await lockWallets(client, rows)
    await requestTopUps(client, rows.map(walletOf), now.getTime() * 1000)
    return rows.length
  })
}
