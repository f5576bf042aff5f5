import type { Decimal } from './money.ts'

/** Bought, or given: promotional credits go first and are a discount, not a payment. */
export const GRANT_KINDS = ['paid', 'promo'] as const
export type GrantKind = (typeof GRANT_KINDS)[number]

/** Credits given to a customer. Instants are microseconds since 1970. */
export interface Grant {
  readonly grantId: string
  readonly kind: GrantKind
  /** Lower burns first. */
  readonly priority: number
  /** Of the first usage it pays for; null: usage of any time. */
  readonly effectiveAt: number | null
  /** Of the first usage it no longer pays for; null: it does not expire. */
  readonly expiresAt: number | null
  readonly recordedAt: number
}

/** A grant that has something to give. */
export interface OpenGrant extends Grant {
  readonly remaining: Decimal
  /** What expired unused: usage of before, told late, may still have it. */
  readonly broken: Decimal
}

/** Where credits lie; what each is for stands in docs/CREDITS.md. */
export type CreditAccount = 'issued' | 'usage' | 'overage' | `grant:${string}` | `breakage:${string}`

/** An amount above zero on its way from an account to another. */
export interface Posting {
  readonly source: CreditAccount
  readonly destination: CreditAccount
  readonly amount: Decimal
  /** The entry that is taken back by it, in whole or part. */
  readonly reverses: number | null
}

/** An entry of usage that is not, or not wholly, taken back. */
export interface Debit {
  readonly entryNo: number
  readonly source: CreditAccount
  readonly left: Decimal
}

/** What happened, and the key that makes it happen once. */
export interface CreditHappening {
  readonly kind: 'grant' | 'usage' | 'correction' | 'expiry'
  readonly idempotencyKey: string
  /** Microseconds since 1970. */
  readonly effectiveAt: number
  /** The revision whose usage it is; its time as the database writes it. */
  readonly event: { readonly eventId: string; readonly revision: number; readonly time: string } | null
}
