import type { Decimal } from './money.ts'

/** Bought, or given: promotional credits go first and are a discount, not a payment. */
export const GRANT_KINDS = ['paid', 'promo'] as const
export type GrantKind = (typeof GRANT_KINDS)[number]

export const GRANT_PRIORITY_MAX = 1_000_000
export const GRANT_PRIORITY_DEFAULT = 50

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
  /** The plan's name for a grant that comes with each period; null: made by somebody. */
  readonly rule: string | null
  /** Taken back: it pays for nothing, whatever comes back to it. */
  readonly isVoid: boolean
}

/** A grant that has something to give. */
export interface OpenGrant extends Grant {
  readonly remaining: Decimal
  /** What expired unused: usage of before, told late, may still have it. */
  readonly broken: Decimal
}

/** Whether a grant is good for usage of an instant, microseconds since 1970. */
export function paysFor({ effectiveAt, expiresAt, isVoid }: Grant, at: number): boolean {
  return !isVoid && (effectiveAt === null || effectiveAt <= at) && (expiresAt === null || at < expiresAt)
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
  readonly kind: 'grant' | 'usage' | 'correction' | 'reclassification' | 'expiry' | 'rollover' | 'void'
  readonly idempotencyKey: string
  /** Microseconds since 1970. */
  readonly effectiveAt: number
  /** The revision whose usage it is; its time as the database writes it. */
  readonly event: { readonly eventId: string; readonly revision: number; readonly time: string } | null
}

/** All that a grant still holds, expired or not, back to where it was issued. */
export function reclaim({ grantId, remaining, broken }: OpenGrant): readonly Posting[] {
  const back = (source: Posting['source'], amount: Decimal): Posting[] =>
    amount.greaterThan(0) ? [{ source, destination: 'issued', amount, reverses: null }] : []
  return [...back(`grant:${grantId}`, remaining), ...back(`breakage:${grantId}`, broken)]
}
