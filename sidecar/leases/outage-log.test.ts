import { expect, test } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { SILENT } from '../../core/log.ts'
import { OutageLog, SAID_AGAIN_MS } from './outage-log.ts'

function listening() {
  const lines: string[] = []
  const note = (level: string) => (fields: object, text: string) => {
    const { untold, awayMs } = fields as { untold: number; awayMs: number }
    lines.push(`${level} ${untold} ${awayMs} ${text.split(/[;:]/)[0]}`)
  }
  const log = { ...SILENT, info: note('info'), warn: note('warn'), error: note('error') }
  const outage = new OutageLog(log, 'default')
  return { lines, outage }
}
const AWAY = new AforoError('unavailable', 'the centre is away')

test('an outage of an hour is said at once, each minute and at its end', () => {
  const { lines, outage } = listening()
  outage.answered(0, 0)
  for (let now = 1_000; now < 1_000 + 3_600_000; now += 2_000) outage.failed(AWAY, 3, now)
  outage.answered(2, 3_601_000)
  outage.answered(0, 3_602_000)
  expect(lines[0]).toBe('warn 3 0 the centre is away')
  expect(lines[1]).toBe(`warn 3 ${SAID_AGAIN_MS} the centre is away`)
  expect(lines).toHaveLength(61)
  expect(lines.at(-1)).toBe('info 2 3600000 the centre answers again')
})

test('a key that is let in no more is said as such, and each refused message by itself', () => {
  const { lines, outage } = listening()
  const revoked = new AforoError('unauthenticated', 'unknown or revoked key')
  outage.failed(AWAY, 1, 0)
  for (const now of [1_000, 3_000, 5_000]) outage.failed(revoked, 1, now)
  const odd = new AforoError('invalid_argument', 'the message is not one of a sidecar')
  for (const now of [6_000, 7_000]) outage.failed(odd, 0, now)
  expect(lines).toEqual([
    'warn 1 0 the centre is away',
    'error 1 1000 the centre does not let our key in',
    'error 0 6000 the centre refused a message',
    'error 0 7000 the centre refused a message',
  ])
})
