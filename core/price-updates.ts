import type { FieldFault } from './errors.ts'
import type { PriceSchedule } from './price.ts'

/** Proposals as they are stored and shown: JSON, amounts are decimal text, instants RFC 3339. */

/** Price and counting of a unit. */
export interface StoredTerms {
  readonly unit_price: string
  readonly per: string
  readonly fee_basis: string
  readonly min_quantity: string | null
  readonly rounding_quantity: string | null
}

/** One price of a proposal for one stretch of time. */
export interface StoredChange {
  readonly meter: string
  readonly service_tier: string
  readonly region: string
  readonly context_from: string
  readonly context_inclusive: boolean
  readonly schedule: PriceSchedule | null
  /** Null: from when it is decided. */
  readonly from: string | null
  readonly to: string | null
  readonly old: (StoredTerms & { readonly price_row_id: string }) | null
  readonly new: (StoredTerms & { readonly derived: boolean; readonly source: string }) | null
  /** New by old. */
  readonly ratio: string | null
  /** What the second catalogue lists, per million units; empty: nothing. */
  readonly second: readonly string[]
}

/** What approving a back-dated price adjusts for a tenant. */
export interface PriceEffect {
  readonly tenant: string
  readonly events: number
  readonly customers: number
  readonly usd: string
}

/** A decision that a person makes. */
export interface ProposalOrder {
  readonly proposalId: string
  /** Who decides. */
  readonly by: string
  readonly reason: string | null
}

/** What a look at a catalogue brought. */
export interface ImportReport {
  readonly import_id: string
  readonly source: string
  readonly source_digest: string
  readonly rows: number
  readonly accepted: number
  readonly held: number
  /** Open proposals that the catalogue no longer makes. */
  readonly superseded: number
  /** Prices that were read otherwise than they stand, and models of which nothing was taken. */
  readonly flags: readonly FieldFault[]
  readonly refused: readonly FieldFault[]
}

/** What somebody should know about prices; found anew each time, nothing of it is stored. */
export const NOTICE_KINDS = [
  'price_pending',
  'price_changed',
  'cogs_impact',
  'stale_snapshot',
  'upcoming_price',
  'cost_drift',
  'bill_drift',
  'bill_missing',
] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]

export interface PriceNotice {
  readonly kind: NoticeKind
  readonly provider: string | null
  readonly model: string | null
  /** The proposal that it is about, where it is about one. */
  readonly proposal_id: string | null
  /** Since when it is so; of what is to come, when it comes. */
  readonly at: string
  readonly message: string
}
