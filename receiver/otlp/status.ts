import type { AforoError, ErrorCode } from '../../core/errors.ts'

/** What a sender is told. gRPC codes double as `code` of google.rpc.Status in HTTP bodies. */
export interface WireStatus {
  readonly http: number
  readonly grpc: number
  /** Seconds after which the same request may succeed; null where it never will. */
  readonly retryAfterSeconds: number | null
}

export const GRPC_OK = 0

/**
 * The one translation of faults to OTLP. Exporters retry 429, 502, 503, 504 and UNAVAILABLE, and drop the data on
 * anything else: so only a fault that the same bytes will meet for ever may be anything else. The gRPC codes of
 * permanent faults are ones that exporters do not retry; RESOURCE_EXHAUSTED without RetryInfo is one of them.
 */
export const STATUS_OF: Readonly<Record<ErrorCode, WireStatus>> = {
  invalid_argument: { http: 400, grpc: 3, retryAfterSeconds: null },
  unsupported_media_type: { http: 415, grpc: 12, retryAfterSeconds: null },
  body_too_large: { http: 413, grpc: 8, retryAfterSeconds: null },
  unauthenticated: { http: 401, grpc: 16, retryAfterSeconds: null },
  permission_denied: { http: 403, grpc: 7, retryAfterSeconds: null },
  not_found: { http: 404, grpc: 5, retryAfterSeconds: null },
  conflict: { http: 409, grpc: 6, retryAfterSeconds: null },
  unavailable: { http: 503, grpc: 14, retryAfterSeconds: 1 },
  internal: { http: 500, grpc: 13, retryAfterSeconds: null },
}

/** A known path asked with another method than POST. */
export const METHOD_NOT_ALLOWED: WireStatus = { http: 405, grpc: 12, retryAfterSeconds: null }

/** The status for a fault. */
export function statusOf(error: AforoError): WireStatus {
  return STATUS_OF[error.code]
}

/** What of a fault may be told outside: an internal one keeps its details for the log. */
export function toldMessage(error: AforoError): string {
  return error.code === 'internal' ? 'internal error' : error.message
}
