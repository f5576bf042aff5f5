import { expect, test } from 'vitest'
import { SILENT } from '../core/log.ts'
import { FAILING_MAX, FailingEndpoints } from './failing.ts'

function listening() {
  const lines: string[] = []
  const note = (level: string) => (fields: object) =>
    void lines.push(`${level} ${(fields as { webhookId: string }).webhookId}`)
  return { lines, log: { ...SILENT, info: note('info'), warn: note('warn') } }
}
const of = (webhookId: string) => ({ tenantId: 'default', webhookId, messageId: 'm' })
const REFUSED = { status: 500, error: 'refused' }
const TAKEN = { status: 200, error: null }

test('an endpoint that is down for a thousand attempts is told of once, and once when it is back', () => {
  const { lines, log } = listening()
  const failing = new FailingEndpoints(log)
  failing.heard(of('well'), TAKEN)
  for (let no = 0; no < 1_000; no++) failing.heard(of('down'), REFUSED)
  failing.heard(of('down'), TAKEN)
  failing.heard(of('down'), TAKEN)
  failing.heard(of('down'), REFUSED)
  expect(lines).toEqual(['warn down', 'info down', 'warn down'])
})

test('one more endpoint than are remembered is told of, and the others again', () => {
  const { lines, log } = listening()
  const failing = new FailingEndpoints(log)
  for (let no = 0; no <= FAILING_MAX; no++) failing.heard(of(String(no)), REFUSED)
  expect(lines).toHaveLength(FAILING_MAX + 1)
  failing.heard(of(String(FAILING_MAX)), REFUSED)
  expect(lines).toHaveLength(FAILING_MAX + 1)
  failing.heard(of('0'), REFUSED)
  expect(lines.at(-1)).toBe('warn 0')
})
