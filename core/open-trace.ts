import type { Assembly } from './assembly.ts'
import type { TenantId, TraceId } from './ids.ts'
import type { Actual } from './lease.ts'

/** What a trace tells of a hold that its spans were made under. */
export interface HoldUse {
  readonly holdId: string
  /** Of the calls and tools under it; null where there are none yet. */
  readonly actual: Actual | null
}

/** What a trace amounts to by now, whether it is cut or not: what the next revision of its event would say. */
export interface OpenTrace {
  readonly tenantId: TenantId
  readonly traceId: TraceId
  /** With the calls that are its own. */
  readonly assembly: Assembly
  /** The event that has it: its own, or that of a session. */
  readonly eventId: string
  readonly inSession: boolean
  /** RFC 3339 to the microsecond: the time of that event, once there is one. */
  readonly time: string
  /** Journal rows it is made of. */
  readonly spans: number
  /** Of its cuts; -1 before the first. Revisions of its own event have these numbers. */
  readonly revision: number
  /** The newest cut says all that is here. */
  readonly isSettled: boolean
  /** Other traces tell of its calls too. */
  readonly mirrored: boolean
  /** Holds that its spans were made under, each once. */
  readonly holds: readonly HoldUse[]
}

/** What was found out about open traces. */
export interface OpenTraces {
  /** Those that were asked for, and others that have more or fewer calls because of them. */
  readonly traces: readonly OpenTrace[]
  /** Others of that kind that are too many, and those that were asked for but wait for one that somebody holds: for later. */
  readonly missed: readonly { readonly tenantId: TenantId; readonly traceId: TraceId }[]
  /** Those that cannot be assembled. */
  readonly failed: readonly { readonly tenantId: TenantId; readonly traceId: TraceId }[]
}
