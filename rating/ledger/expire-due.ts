import type pg from 'pg'
import { lockWallets } from '../../schema/ledger/lock.ts'
import type { WalletKey } from '../../schema/ledger/wallet.ts'
import { writeWallets } from '../../schema/ledger/write.ts'
import { transaction } from '../../schema/pool.ts'
import { expire } from './burn-down.ts'
import { refillWallets } from './refill.ts'

/** Customers of one transaction: bounds how many wallets it holds. */
export const EXPIRY_BATCH_MAX = 100

/**
 * Books what is left of grants whose expiry has come as breakage, for some customers. Whether a grant pays for usage
 * does not depend on it; any number of processes may do it at once.
 * @returns how many grants were booked
 */
export async function expireDue(pool: pg.Pool, now: Date): Promise<number> {
  return transaction(pool, async (client) => {
    const due = await readDue(client, now)
    return due.length === 0 ? 0 : expireWallets(client, due, now)
  })
}

/** Books what ended of these customers' grants by now. */
export async function expireWallets(
  client: pg.PoolClient,
  keys: readonly WalletKey[],
  now: Date,
): Promise<number> {
  const nowMicros = now.getTime() * 1000
  const walletOf = await lockWallets(client, keys)
  const wallets = keys.map(walletOf)
  // What is carried over goes before what is left expires.
  await refillWallets(client, wallets, now)
  let booked = 0
  for (const wallet of wallets) {
    for (const grant of wallet.grants()) {
      const posting = expire(grant, nowMicros)
      if (posting === null) continue
      const { grantId, expiresAt, isVoid } = grant
      const kind = isVoid ? ('void' as const) : ('expiry' as const)
      const happening = {
        kind,
        // What comes back to a grant after it expired expires again.
        idempotencyKey: `${kind}:${grantId}:${wallet.entries}`,
        effectiveAt: isVoid ? nowMicros : expiresAt!,
        event: null,
      }
      wallet.post(happening, [posting], nowMicros)
      booked++
    }
  }
  await writeWallets(client, wallets)
  return booked
}

async function readDue(client: pg.PoolClient, now: Date): Promise<readonly WalletKey[]> {
  const { rows } = await client.query<{ tenantId: string; customerId: string }>(
    `select distinct tenant_id as "tenantId", customer_id as "customerId"
     from (
       select tenant_id, customer_id from aforo_store.credit_balances
       where expires_at <= $1 and input > output
       order by expires_at limit $2) due`,
    [now.toISOString(), EXPIRY_BATCH_MAX],
  )
  return rows
}
