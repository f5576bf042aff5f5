import { describe, expect, it } from 'vitest'
import { AforoError } from '../core/errors.ts'
import { databaseFault, gaveWay, isPassing, PASSING_CODES } from './faults.ts'

const withCode = (code: string, cause?: unknown) => Object.assign(new Error('x', { cause }), { code })

describe('databaseFault', () => {
  it.each([...PASSING_CODES].map((code) => (code.length === 2 ? `${code}006` : code)))(
    '%s passes',
    (code) => {
      const fault = databaseFault(withCode(code))
      expect([fault.code, fault.retryable]).toEqual(['unavailable', true])
    },
  )

  it.each([
    ['23505', 'unique_violation'],
    ['22P02', 'invalid_text_representation'],
    ['42P01', 'undefined_table'],
    ['42501', 'insufficient_privilege'],
    ['28P01', 'invalid_password'],
    ['3D000', 'invalid_catalog_name'],
    ['25P02', 'in_failed_sql_transaction'],
    ['57P04', 'database_dropped'],
    ['XX000', 'internal_error'],
    ['EACCES', 'a file of ours'],
  ])('%s (%s) stays', (code) => {
    const fault = databaseFault(withCode(code))
    expect([fault.code, fault.retryable]).toEqual(['internal', false])
  })

  it.each([
    'timeout exceeded when trying to connect',
    'timeout expired',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Query read timeout',
  ])('pg says "%s", which passes', (message) => {
    expect(databaseFault(new Error(message)).code).toBe('unavailable')
  })

  it('leaves an error of ours as it is', () => {
    const own = new AforoError('not_found', 'no such plan')
    expect(databaseFault(own)).toBe(own)
  })

  it('keeps the cause', () => {
    const cause = withCode('40001')
    expect(databaseFault(cause).cause).toBe(cause)
  })

  it('looks under an error that was wrapped around it', () => {
    expect(isPassing(new Error('Failed query', { cause: withCode('57P01') }))).toBe(true)
    expect(isPassing(new Error('Failed query', { cause: withCode('23505') }))).toBe(false)
  })

  it('takes what is no error for one that stays', () => {
    expect(databaseFault('timeout expired').code).toBe('internal')
  })
})

describe('gaveWay', () => {
  it.each(['40001', '40P01', '55P03'])('tells %s, as it is and as ours', (code) => {
    expect(gaveWay(withCode(code))).toBe(true)
    expect(gaveWay(databaseFault(withCode(code)))).toBe(true)
  })
  it.each(['08006', '57014', '23505'])('lets %s be', (code) => {
    expect(gaveWay(databaseFault(withCode(code)))).toBe(false)
  })
})
