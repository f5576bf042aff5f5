/** What providers charged us, by their own word, compared with COGS. Instants RFC 3339, amounts decimal text in USD. */

/** What a provider charged for a time. */
export interface VendorBill {
  /** As spans name it (`gcp.vertex_ai`), or as the catalogue does (`google`: all that it goes by). */
  readonly provider: string
  /** A glob over the names of models; null: everything, fees of tools too. */
  readonly model: string | null
  /** Included; `to` is not. */
  readonly from: string
  readonly to: string
  readonly usd: string
  /** Where it says so. */
  readonly source: string
}

/** A bill beside what we have for the same. */
export interface ReconciledBill extends VendorBill {
  readonly bill_id: string
  readonly recorded_at: string
  /** As far as it is known, adjustments of back-dated prices included. */
  readonly cogs: string
  readonly unpriced_calls: number
  /** COGS less what was billed. */
  readonly difference: string
  /** Of what was billed; null where that is nothing. */
  readonly difference_pct: string | null
  /** Whether the difference is within what rounding and cut-off explain. */
  readonly agrees: boolean
}

/** Which bills are asked for: those whose time overlaps [from, to). */
export interface BillFilter {
  readonly provider?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}
