import { expect, it } from 'vitest'
import { isLoopback, readConfig } from './config.ts'
import { AforoError } from './errors.ts'

it('reads the defaults from an empty environment', () => {
  const config = readConfig({})
  expect(config.otlpHttpAddr).toEqual({ host: '127.0.0.1', port: 4318 })
  expect(config.databaseUrl).toBeNull()
  expect(config.cutQuietMs).toBe(2000)
})

it('reports all faults together', () => {
  const fault = caught(() =>
    readConfig({ AFORO_API_ADDR: 'nowhere', AFORO_CUT_IDLE_MS: '-1', AFORO_TIMESCALE: 'yes' }),
  )
  expect(fault.code).toBe('invalid_argument')
  expect(fault.faults.map((f) => f.path)).toEqual(['AFORO_API_ADDR', 'AFORO_TIMESCALE', 'AFORO_CUT_IDLE_MS'])
})

it('refuses a quiet time longer than the idle time', () => {
  const fault = caught(() => readConfig({ AFORO_CUT_QUIET_MS: '5000', AFORO_CUT_IDLE_MS: '1000' }))
  expect(fault.faults[0]?.path).toBe('AFORO_CUT_QUIET_MS')
})

it('reads IPv6 addresses and knows loopback', () => {
  expect(readConfig({ AFORO_API_ADDR: '[::1]:0' }).apiAddr).toEqual({ host: '::1', port: 0 })
  expect(isLoopback('127.0.0.53')).toBe(true)
  expect(isLoopback('0.0.0.0')).toBe(false)
  expect(isLoopback('127.example.com')).toBe(false)
})

it('does not repeat a secret it refuses', () => {
  const fault = caught(() => readConfig({ AFORO_INITIAL_KEYS: 'ingest:tooshort' }))
  expect(fault.message).not.toContain('tooshort')
})

function caught(run: () => unknown): AforoError {
  try {
    run()
  } catch (error) {
    if (error instanceof AforoError) return error
  }
  throw new Error('expected an AforoError')
}
