import type pg from 'pg'
import { reclaim } from '../../core/credits.ts'
import { AforoError } from '../../core/errors.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import { tellWallet } from '../budgets/wallets.ts'
import { lockWallets } from './lock.ts'
import type { Wallet, WalletKey } from './wallet.ts'
import { writeWallets } from './write.ts'

/**
 * Takes a grant back: what it holds goes back to where it was issued, what was debited stays. It pays for nothing from
 * then on.
 * @returns the credits that went back
 * @throws AforoError `not_found`; `conflict` where it is void already
 */
export async function voidGrant(
  client: pg.ClientBase,
  key: WalletKey,
  grantId: string,
  now: Date,
): Promise<Decimal> {
  // From the beginning of time: with what expired of it, which usage told late could still have.
  const wallet = (await lockWallets(client, [key], 0))(key)
  await addVoid(client, wallet, grantId, now)
  const grant = wallet.grants().find((each) => each.grantId === grantId)
  const postings = grant ? reclaim(grant) : []
  const nowMicros = now.getTime() * 1000
  const happening = {
    kind: 'void' as const,
    idempotencyKey: `void:${grantId}`,
    effectiveAt: nowMicros,
    event: null,
  }
  wallet.post(happening, postings, nowMicros)
  await writeWallets(client, [wallet])
  await tellWallet(client, key)
  return postings.reduce((sum, { amount }) => sum.plus(amount), ZERO)
}

/** Marks a grant of a wallet that is locked as void. */
async function addVoid(
  client: pg.ClientBase,
  { key: { tenantId, customerId } }: Wallet,
  grantId: string,
  now: Date,
): Promise<void> {
  const { rows } = await client.query<{ is_void: boolean }>(
    `select exists (
       select from aforo_store.credit_voids voided where voided.tenant_id = $1 and voided.grant_id = $3) as is_void
     from aforo_store.credit_grants where tenant_id = $1 and customer_id = $2 and grant_id = $3`,
    [tenantId, customerId, grantId],
  )
  if (!rows[0]) throw new AforoError('not_found', `customer ${customerId} has no grant ${grantId}`)
  if (rows[0].is_void) throw new AforoError('conflict', `grant ${grantId} is void already`)
  await client.query(
    `insert into aforo_store.credit_voids (tenant_id, grant_id, customer_id, recorded_at) values ($1, $2, $3, $4)`,
    [tenantId, grantId, customerId, now.toISOString()],
  )
  // What comes back to it is looked for as what comes back to an expired one is.
  await client.query(
    `update aforo_store.credit_balances set expires_at = least(expires_at, $4)
     where tenant_id = $1 and customer_id = $2 and account = 'grant:' || $3::text`,
    [tenantId, customerId, grantId, now.toISOString()],
  )
}
