import type { MatchLogic } from '@pydantic/genai-prices'
import type { CostMeter, FeeBasis, PriceSchedule } from '../../../core/price.ts'
import type { ModelAlias } from '../list-price.ts'

/** What we know of a provider's prices that the catalogue has wrong or does not have. Prices in USD as decimal text. */
export interface ProviderCorrections {
  /** As the catalogue names it. */
  readonly provider: string
  /** Models the catalogue does not have or takes for others, with the names they go by; these are looked at first. */
  readonly models?: readonly { readonly id: string; readonly match: MatchLogic }[]
  /** Rows; each takes the place of all the catalogue has in its series. */
  readonly prices?: readonly Correction[]
  /** Rows worked out from those of the list by a multiplier. */
  readonly derivations?: readonly Derivation[]
  readonly aliases?: readonly Omit<ModelAlias, 'provider'>[]
}

export interface Correction {
  /** Model keys, `gemini-2*` for all of the catalogue's that begin so; `*` alone is the key of fees of any model. */
  readonly models: readonly string[]
  /** Where it is published. */
  readonly source: string
  /** First instant; from ever where it is not given. */
  readonly from?: string
  /** First instant no more. */
  readonly to?: string
  readonly tier?: string
  readonly region?: string
  /** Counts above so many tokens of input. */
  readonly above?: string
  /** Counts from so many tokens of input on. */
  readonly atLeast?: string
  readonly schedule?: PriceSchedule
  /** Per million tokens. */
  readonly perMillion?: Partial<Record<CostMeter, string>>
  readonly fees?: readonly Fee[]
}

export interface Fee {
  readonly meter: CostMeter
  readonly price: string
  readonly per: string
  readonly basis: FeeBasis
  readonly minQuantity?: string
  readonly roundingQuantity?: string
}

/** Rows that are others times a number: those of `of`, where not given all token meters of standard tier everywhere. */
export interface Derivation {
  /** Model keys; `*` stands for any text. */
  readonly models: readonly string[]
  readonly except?: readonly string[]
  readonly source: string
  readonly times: string
  readonly of?: { readonly meter?: CostMeter; readonly baseContextOnly?: true }
  /** What the new rows say otherwise. */
  readonly to: {
    readonly provider?: string
    readonly meter?: CostMeter
    readonly tier?: string
    readonly region?: string
  }
}
