import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { memoryCentre } from '../../bench/check-centre.ts'
import { SILENT } from '../../core/log.ts'
import type { Centre } from '../centre/centre.ts'
import { Checkers } from '../checkers.ts'
import { createCheckMetrics } from '../metrics.ts'
import { MESSAGES_APART_MS } from './exchange-loop.ts'

const CALL = {
  customer: 'acme',
  model: 'claude-sonnet-4-6',
  reserve: true,
  estimate: { input_tokens: '1000', max_output_tokens: '4000' },
}

const HOLDS = 500

/** A checker over a centre that answers at once, and how many messages and holds came to it. */
function checkerOver() {
  const memory = memoryCentre()
  const told = { messages: 0, holds: 0, ends: 0 }
  const centre: Centre = {
    ...memory,
    exchange(tenantId, message) {
      told.messages += 1
      told.holds += message.holds.length
      told.ends += message.ends.length + message.holds.filter(({ end }) => end !== null).length
      return memory.exchange(tenantId, message)
    },
  }
  const clock = () => performance.now()
  const metrics = createCheckMetrics(new Registry())
  const checkers = new Checkers({ centre, sidecarId: 'test', clock, log: SILENT, metrics })
  return { checkers, checker: checkers.of('default'), told }
}

test('many holds share a message, and nobody who needs a lease waits for others', async () => {
  const { checkers, checker, told } = checkerOver()
  const began = performance.now()
  expect(await checker.check(CALL)).toMatchObject({ decision: 'allow' })
  for (let holds = 1; holds < HOLDS; holds++) {
    expect(await checker.check(CALL)).toMatchObject({ decision: 'allow', source: 'lease' })
    await new Promise((resolve) => setImmediate(resolve))
  }
  const elapsed = performance.now() - began
  // Until the lease is as large as the pace, some are asked for it at once.
  expect(told.messages).toBeLessThan(elapsed / MESSAGES_APART_MS + 20)
  await checkers.stop()
  expect(told.holds).toBe(HOLDS)
})

test('an end is told within a few milliseconds of the message before, and on leaving', async () => {
  const { checkers, checker, told } = checkerOver()
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await checker.check(CALL)).hold_id!)
  expect(await checker.endHold(ids[0]!, null)).toMatchObject({ state: 'released', source: 'live' })
  expect(await checker.endHold(ids[1]!, {})).toMatchObject({ state: 'settled', source: 'live' })
  const last = checker.endHold(ids[2]!, null)
  await checkers.stop()
  expect(await last).toMatchObject({ state: 'released' })
  expect(told).toMatchObject({ holds: 3, ends: 3 })
})
