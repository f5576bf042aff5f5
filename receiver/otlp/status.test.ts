import { describe, expect, it } from 'vitest'
import { AforoError, type ErrorCode } from '../../core/errors.ts'
import { METHOD_NOT_ALLOWED, STATUS_OF, statusOf, toldMessage } from './status.ts'

/** What an exporter does with each answer, by the OTLP specification. */
const RETRIED_HTTP = [429, 502, 503, 504]
const RETRIED_GRPC = [1, 4, 10, 11, 14, 15]

const TABLE: readonly [ErrorCode, number, number][] = [
  ['invalid_argument', 400, 3],
  ['unsupported_media_type', 415, 12],
  ['body_too_large', 413, 8],
  ['unauthenticated', 401, 16],
  ['permission_denied', 403, 7],
  ['not_found', 404, 5],
  ['conflict', 409, 6],
  ['unavailable', 503, 14],
  ['internal', 500, 13],
]

describe('the status table', () => {
  it.each(TABLE)('%s is %i and %i', (code, http, grpc) => {
    expect(statusOf(new AforoError(code, ''))).toMatchObject({ http, grpc })
  })
  it('has no row that is not tested here', () => {
    expect(Object.keys(STATUS_OF).sort()).toEqual(TABLE.map(([code]) => code).sort())
  })
  it.each(TABLE)('%s is retried by exporters exactly if it may pass', (code) => {
    const { http, grpc, retryAfterSeconds } = STATUS_OF[code]
    const { retryable } = new AforoError(code, '')
    expect(RETRIED_HTTP.includes(http)).toBe(retryable)
    expect(RETRIED_GRPC.includes(grpc)).toBe(retryable)
    expect(retryAfterSeconds !== null).toBe(retryable)
  })
  it('never has a wrong method sent again', () => {
    expect(METHOD_NOT_ALLOWED).toEqual({ http: 405, grpc: 12, retryAfterSeconds: null })
  })
  it('keeps details of internal faults for the log', () => {
    expect(toldMessage(new AforoError('internal', 'relation "secret" does not exist'))).toBe('internal error')
    expect(toldMessage(new AforoError('invalid_argument', 'at byte 3'))).toBe('at byte 3')
  })
})
