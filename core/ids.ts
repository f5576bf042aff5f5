/**
 * Identifiers as they travel through Aforo. Trace and span ids are lower-case hex in code and on the API,
 * raw bytes (`bytea`) in tables.
 */

/** 16 bytes as 32 lower-case hex digits; never all zero. */
export type TraceId = string

/** 8 bytes as 16 lower-case hex digits; the empty string where a span has no parent. */
export type SpanId = string

/** The owner of every row; leads every key. Letters, digits, `.`, `_`, `-`; at most 64. */
export type TenantId = string

/** The tenant of a request that names none. */
export const DEFAULT_TENANT: TenantId = 'default'

const TENANT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** True for a name that may stand as a tenant id. */
export function isTenantId(text: string): boolean {
  return TENANT_PATTERN.test(text)
}

/**
 * The event of a trace. It is a function of the trace id alone, so that replaying the journal into an empty
 * database gives every event the id it had before.
 */
export function eventIdOf(traceId: TraceId): string {
  return `evt_${traceId}`
}

/**
 * An event of a session, of the session's name and how many events of it came before. Like the event of a trace a
 * function of what it is about.
 * @param key 32 hex digits
 */
export function sessionEventIdOf(key: string, place: number): string {
  return `evt_session_${key}_${place}`
}
