import type { ErrorRequestHandler } from 'express'
import { AforoError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { problemHeaders, problemOf } from '../core/problem.ts'
import { databaseFault } from '../schema/faults.ts'

/** Last of the chain: every error ends here, is logged once if it is ours to mend, and answered as a problem. */
export function problemHandler(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const error = toAforoError(thrown)
    if (error.code === 'internal') log.error({ err: thrown, path: request.path }, 'request failed')
    if (error.code === 'unavailable') log.warn({ err: thrown, path: request.path }, 'request put off')
    // Too late for an answer: express then cuts the connection, so that nobody takes half a body for a whole.
    if (response.headersSent) return next(thrown)
    const problem = problemOf(error)
    response.status(problem.status).set(problemHeaders(error.code)).send(JSON.stringify(problem))
  }
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
