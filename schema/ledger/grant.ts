import type pg from 'pg'
import type { CreditHappening, GrantKind, Posting } from '../../core/credits.ts'
import { AforoError } from '../../core/errors.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { microsOf } from '../instant.ts'
import { lockWallets } from './lock.ts'
import type { Wallet, WalletKey } from './wallet.ts'
import { writeWallets } from './write.ts'

/** Grants of a customer that have credits left: each debit looks at all of them. Those of plans come beside. */
export const OPEN_GRANTS_MAX = 1_000

/** A grant to be recorded; times are RFC 3339, the amount is above zero. */
export interface NewGrant {
  readonly amount: string
  readonly kind: GrantKind
  readonly priority: number
  readonly effectiveAt: string | null
  readonly expiresAt: string | null
  /** The id it was given before, where everything is done again. */
  readonly grantId?: string
  /** Of a plan's rule; null: made by somebody. */
  readonly refill: Refill | null
}

/** Which period's grant it is. */
export interface Refill {
  readonly subscriptionId: string
  readonly rule: string
  /** RFC 3339. */
  readonly periodStart: string
  /** It holds what was left of the grants before, of one start: a period has as many as there are. */
  readonly rolled: boolean
}

/** A grant that is there and got nothing yet. */
export interface EmptyGrant {
  readonly grantId: string
  /** Microseconds since 1970. */
  readonly effectiveAt: number | null
}

/**
 * Records a grant and posts its credits. The customer is there.
 * @returns its id
 * @throws AforoError `conflict` where the customer has `OPEN_GRANTS_MAX` already
 */
export async function recordGrant(
  client: pg.ClientBase,
  wallet: WalletKey,
  grant: Omit<NewGrant, 'refill'>,
  now: Date,
): Promise<string> {
  const locked = (await lockWallets(client, [wallet]))(wallet)
  if (locked.grants().length >= OPEN_GRANTS_MAX) {
    throw new AforoError('conflict', `the customer has ${OPEN_GRANTS_MAX} grants with credits left already`)
  }
  const nowMicros = now.getTime() * 1000
  const { grantId, effectiveAt } = await addGrant(client, locked, { ...grant, refill: null }, now)
  const happening: CreditHappening = {
    kind: 'grant',
    idempotencyKey: `grant:${grantId}`,
    effectiveAt: effectiveAt ?? nowMicros,
    event: null,
  }
  locked.post(happening, [issue(grantId, new Decimal(grant.amount))], nowMicros)
  await writeWallets(client, [locked])
  return grantId
}

/** Records a grant in a wallet that is locked; its credits are to be posted by the caller. */
export async function addGrant(
  client: pg.ClientBase,
  wallet: Wallet,
  { amount, kind, priority, effectiveAt, expiresAt, refill, grantId }: NewGrant,
  now: Date,
): Promise<EmptyGrant> {
  const { rows } = await client.query<{
    grant_id: string
    effective_at: string | null
    expires_at: string | null
  }>(
    `insert into aforo_store.credit_grants
       (tenant_id, customer_id, kind, amount, priority, effective_at, expires_at, recorded_at, subscription_id, rule,
        period_start, rolled, grant_id)
     overriding system value
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
       coalesce($13::bigint, nextval(pg_get_serial_sequence('aforo_store.credit_grants', 'grant_id'))))
     returning grant_id::text as grant_id, ${microsOf('effective_at')} as effective_at,
       ${microsOf('expires_at')} as expires_at`,
    [
      wallet.key.tenantId,
      wallet.key.customerId,
      kind,
      amount,
      priority,
      effectiveAt,
      expiresAt,
      now.toISOString(),
      refill?.subscriptionId ?? null,
      refill?.rule ?? null,
      refill?.periodStart ?? null,
      refill?.rolled ?? false,
      grantId ?? null,
    ],
  )
  const [row] = rows
  const added = {
    grantId: row!.grant_id,
    effectiveAt: row!.effective_at === null ? null : Number(row!.effective_at),
  }
  wallet.admit({
    ...added,
    kind,
    priority,
    expiresAt: row!.expires_at === null ? null : Number(row!.expires_at),
    recordedAt: now.getTime() * 1000,
    rule: refill?.rule ?? null,
    isVoid: false,
    remaining: ZERO,
    broken: ZERO,
  })
  return added
}

/** Credits on their way into a grant. */
export function issue(grantId: string, amount: Decimal): Posting {
  return { source: 'issued', destination: `grant:${grantId}`, amount, reverses: null }
}
