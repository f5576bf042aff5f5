import type pg from 'pg'
import type { GrantKind } from '../../core/credits.ts'
import { AforoError } from '../../core/errors.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { lockWallets } from './lock.ts'
import type { WalletKey } from './wallet.ts'
import { writeWallets } from './write.ts'

/** Grants of a customer that have credits left: each debit looks at all of them. */
export const OPEN_GRANTS_MAX = 1_000

/** A grant to be recorded; times are RFC 3339, the amount is above zero. */
export interface NewGrant {
  readonly amount: string
  readonly kind: GrantKind
  readonly priority: number
  readonly effectiveAt: string | null
  readonly expiresAt: string | null
}

/**
 * Records a grant and posts its credits. The customer is there.
 * @returns its id
 * @throws AforoError `conflict` where the customer has `OPEN_GRANTS_MAX` already
 */
export async function recordGrant(
  client: pg.ClientBase,
  wallet: WalletKey,
  grant: NewGrant,
  now: Date,
): Promise<string> {
  const locked = (await lockWallets(client, [wallet]))(wallet)
  if (locked.grants().length >= OPEN_GRANTS_MAX) {
    throw new AforoError('conflict', `the customer has ${OPEN_GRANTS_MAX} grants with credits left already`)
  }
  const { amount, kind, priority, effectiveAt, expiresAt } = grant
  const { rows } = await client.query<{ grant_id: string; effective_at: string | null }>(
    `insert into aforo_store.credit_grants
       (tenant_id, customer_id, kind, amount, priority, effective_at, expires_at, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     returning grant_id::text as grant_id,
       (extract(epoch from effective_at) * 1000000)::bigint::text as effective_at`,
    [wallet.tenantId, wallet.customerId, kind, amount, priority, effectiveAt, expiresAt, now.toISOString()],
  )
  const { grant_id: grantId, effective_at: effective } = rows[0]!
  const nowMicros = now.getTime() * 1000
  locked.admit({
    grantId,
    kind,
    priority,
    effectiveAt: effective === null ? null : Number(effective),
    expiresAt: null,
    recordedAt: nowMicros,
    remaining: ZERO,
    broken: ZERO,
  })
  const happening = {
    kind: 'grant' as const,
    idempotencyKey: `grant:${grantId}`,
    effectiveAt: effective === null ? nowMicros : Number(effective),
    event: null,
  }
  const source = 'issued' as const
  const destination = `grant:${grantId}` as const
  const posting = { source, destination, amount: new Decimal(amount), reverses: null }
  locked.post(happening, [posting], nowMicros)
  await writeWallets(client, [locked])
  return grantId
}
