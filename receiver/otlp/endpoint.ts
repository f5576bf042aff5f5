import type { TenantId } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'
import type { ReceiverMetrics } from '../metrics.ts'
import type { Accept } from './accept.ts'
import type { Accepted } from './answer.ts'
import type { InFlight } from './in-flight.ts'

/** Who may send: the part of `schema/access.ts` that a receiver needs. */
export interface IngestAccess {
  /** @throws AforoError `unauthenticated`, `permission_denied`, `invalid_argument`, `unavailable` */
  authorise(
    credentials: { readonly authorization?: string; readonly tenantHeader?: string },
    role: 'ingest',
  ): Promise<TenantId>
}

/** What both OTLP servers are made of. */
export interface OtlpParts {
  readonly access: IngestAccess
  readonly accept: Accept
  readonly inFlight: InFlight
  readonly metrics: ReceiverMetrics
  readonly log: Log
  /** Largest body, also after decompression. */
  readonly bodyBytesMax: number
}

/** A server that listens. */
export interface OtlpServer {
  readonly port: number
  /** Takes nothing new, answers what is under way, then resolves; what takes longer than `graceMs` is cut off. */
  stop(graceMs?: number): Promise<void>
}

export const STOP_GRACE_MS = 10_000

/** Signals that are taken and not kept, so that one endpoint setting serves a whole SDK. */
export const DROPPED_SIGNALS = ['logs', 'metrics', 'profiles'] as const

/** The answer to a signal that is not kept. */
export function droppedSignal(signal: string): Accepted {
  return { rejectedSpans: 0, message: `Aforo reads traces only: these ${signal} were dropped` }
}
