import type { TenantId, TraceId } from '../../core/ids.ts'
import type { UnixMillis } from '../../core/time.ts'

export interface TraceKey {
  readonly tenantId: TenantId
  readonly traceId: TraceId
}

/** A trace that is due, as its row tells it. */
export interface DueTrace extends TraceKey {
  readonly rootEnded: boolean
  readonly firstReceivedMs: UnixMillis
  readonly lastReceivedMs: UnixMillis
  readonly openedMs: UnixMillis
  readonly spanCount: number
  /** Spans since the last cut. */
  readonly openSpanCount: number
  /** How often it was cut with a change, from 0; -1 before the first. Revisions of its own event have these numbers. */
  readonly revision: number
  /** A missing fact arrived. */
  readonly completed: boolean
  /** Cuts of it that failed since the last that did not. */
  readonly attempts: number
  /** Bounds of its journal rows' `time`, RFC 3339 to the microsecond. */
  readonly timeFrom: string
  readonly timeTo: string
  /** Time of its event, fixed at the first cut; null before. */
  readonly eventTime: string | null
  /** The event of a session that has it; null where its own has. */
  readonly sessionEventId: string | null
  /** Version of the rules of assembling that it was cut with last; 0 before the first cut. */
  readonly cutRules: number
}
