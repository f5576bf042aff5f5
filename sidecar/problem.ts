import { STATUS_CODES } from 'node:http'
import type { AforoError, ErrorCode } from '../core/errors.ts'

/** The HTTP status of each error code on the check address. */
export const PROBLEM_STATUS = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  conflict: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  internal: 500,
  unavailable: 503,
} as const satisfies Record<ErrorCode, number>

/** RFC 9457 with our `code`, as JSON. What is internal stays inside: its text is for the log. */
export function problemText(error: AforoError): string {
  const status = PROBLEM_STATUS[error.code]
  return JSON.stringify({
    type: `urn:aforo:problem:${error.code}`,
    title: STATUS_CODES[status],
    status,
    detail: error.code === 'internal' ? 'something went wrong; it was logged' : error.message,
    code: error.code,
    ...(error.faults.length > 0 && { faults: error.faults }),
  })
}

const RETRY_AFTER_SECONDS = 1

/** The headers of a problem, and of its text. */
export function problemHeaders(error: AforoError, text: string): Record<string, string | number> {
  const headers: Record<string, string | number> = {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
  }
  if (error.code === 'unavailable') headers['retry-after'] = RETRY_AFTER_SECONDS
  if (error.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer'
  return headers
}

/** The head of an answer that is written to a bare socket, but for its end. */
export function problemHead(error: AforoError, text: string): string {
  const status = PROBLEM_STATUS[error.code]
  const lines = Object.entries(problemHeaders(error, text)).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}`
}
