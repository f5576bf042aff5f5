import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, Response } from 'express'
import { AforoError, type ErrorCode, type FieldFault } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { databaseFault } from '../schema/faults.ts'

/** The HTTP status of each error code. The only place where one becomes the other. */
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

/** Seconds after which a client may try again what failed with 503. */
export const RETRY_AFTER_SECONDS = 1

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
  const status = PROBLEM_STATUS[error.code]
  return {
    type: `urn:aforo:problem:${error.code}`,
    title: STATUS_CODES[status]!,
    status,
    detail: error.code === 'internal' ? 'something went wrong; it was logged' : error.message,
    code: error.code,
    ...(error.faults.length > 0 && { faults: error.faults }),
  }
}

/** Last of the chain: every error ends here, is logged once if it is ours to mend, and answered as a problem. */
export function problemHandler(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const error = toAforoError(thrown)
    if (error.code === 'internal') log.error({ err: thrown, path: request.path }, 'request failed')
    if (error.code === 'unavailable') log.warn({ err: thrown, path: request.path }, 'request put off')
    // Too late for an answer: express then cuts the connection, so that nobody takes half a body for a whole.
    if (response.headersSent) return next(thrown)
    sendProblem(response, problemOf(error))
  }
}

function sendProblem(response: Response, problem: Problem): void {
  if (problem.code === 'unavailable') response.setHeader('retry-after', String(RETRY_AFTER_SECONDS))
  if (problem.code === 'unauthenticated') response.setHeader('www-authenticate', 'Bearer')
  response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}

/**
 * SQLSTATEs that a request's text can cause however its fields were checked: a NUL or half a surrogate pair (22021,
 * 22P05), a time or number that a forged cursor holds (22007, 22008, 22P02).
 */
const INPUT_SQLSTATES: ReadonlySet<unknown> = new Set(['22021', '22P05', '22007', '22008', '22P02'])

/** Errors of express and its body parser by their `type` and `status`; of the database by their SQLSTATE. */
function toAforoError(thrown: unknown): AforoError {
  const cause = (thrown instanceof Error ? thrown.cause : undefined) as { code?: unknown } | undefined
  if (INPUT_SQLSTATES.has(cause?.code)) {
    return new AforoError('invalid_argument', 'the request holds a value that cannot be stored')
  }
  if (thrown instanceof AforoError) return thrown
  const { type, status } = (thrown ?? {}) as { type?: unknown; status?: unknown }
  if (type === 'entity.parse.failed') return new AforoError('invalid_argument', 'the body is no valid JSON')
  if (status === 413) return new AforoError('body_too_large', 'the body is larger than 1 MiB')
  if (status === 415) return new AforoError('unsupported_media_type', (thrown as Error).message)
  if (status === 400) return new AforoError('invalid_argument', (thrown as Error).message)
  return databaseFault(thrown)
}
