import { expect, test } from 'vitest'
import { AforoError, type ErrorCode } from './errors.ts'
import { PROBLEMS, problemOf } from './problem.ts'

const TABLE: [ErrorCode, number, string][] = [
  ['invalid_argument', 400, 'Bad Request'],
  ['unauthenticated', 401, 'Unauthorized'],
  ['permission_denied', 403, 'Forbidden'],
  ['not_found', 404, 'Not Found'],
  ['conflict', 409, 'Conflict'],
  ['body_too_large', 413, 'Payload Too Large'],
  ['unsupported_media_type', 415, 'Unsupported Media Type'],
  ['internal', 500, 'Internal Server Error'],
  ['unavailable', 503, 'Service Unavailable'],
]

test.each(TABLE)('%s is %i', (code, status, title) => {
  expect(problemOf(new AforoError(code, 'why'))).toEqual({
    type: `urn:aforo:problem:${code}`,
    title,
    status,
    detail: code === 'internal' ? 'something went wrong; it was logged' : 'why',
    code,
  })
})

test('the table is whole', () => {
  expect(TABLE.map(([code]) => code).sort()).toEqual(Object.keys(PROBLEMS).sort())
})
