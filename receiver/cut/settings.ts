/** When a trace is closed into a revision. */
export interface CutSettings {
  /** Quiet after which a trace whose root ended is cut; also after a late span. */
  readonly quietMs: number
  /** Quiet after which any trace is cut. */
  readonly idleMs: number
  /** Age at which a trace is cut even if spans still come. */
  readonly maxAgeMs: number
  /** Spans at which a trace is cut at once. */
  readonly spansMax: number
}

export const CUT_DEFAULTS: CutSettings = {
  quietMs: 2_000,
  idleMs: 30_000,
  maxAgeMs: 3_600_000,
  spansMax: 20_000,
}
