import type { AforoError, ErrorCode, FieldFault } from './errors.ts'

/** The HTTP status and title of each error code. The only place where one becomes the other. */
export const PROBLEMS = {
  invalid_argument: { status: 400, title: 'Bad Request' },
  unauthenticated: { status: 401, title: 'Unauthorized' },
  permission_denied: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not Found' },
  conflict: { status: 409, title: 'Conflict' },
  body_too_large: { status: 413, title: 'Payload Too Large' },
  unsupported_media_type: { status: 415, title: 'Unsupported Media Type' },
  internal: { status: 500, title: 'Internal Server Error' },
  unavailable: { status: 503, title: 'Service Unavailable' },
} as const satisfies Record<ErrorCode, { readonly status: number; readonly title: string }>

/** RFC 9457, with our `code` and, for input, the fields at fault. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly faults?: readonly FieldFault[]
}

/** The problem of an error. What is internal stays inside: its text is for the log. */
export function problemOf(error: AforoError): Problem {
  const { status, title } = PROBLEMS[error.code]
  return {
    type: `urn:aforo:problem:${error.code}`,
    title,
    status,
    detail: error.code === 'internal' ? 'something went wrong; it was logged' : error.message,
    code: error.code,
    ...(error.faults.length > 0 && { faults: error.faults }),
  }
}

/** Seconds after which a client may try again what failed with 503. */
const RETRY_AFTER_SECONDS = 1

/** The headers of a problem. */
export function problemHeaders(code: ErrorCode): Record<string, string> {
  return {
    'content-type': 'application/problem+json',
    ...(code === 'unavailable' && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
    ...(code === 'unauthenticated' && { 'www-authenticate': 'Bearer' }),
  }
}
