import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { memoryCentre } from '../../bench/check-centre.ts'
import { SILENT } from '../../core/log.ts'
import { Checkers } from '../checkers.ts'
import { createCheckMetrics } from '../metrics.ts'
import { AWAY_MS, AWAY_WAIT_MS, READ_MS_MAX, READS_MAX } from '../view/tenant-view.ts'
import type { Centre } from './centre.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A checker over a centre that answers each question when it is told to. */
function checkerOver() {
  let now = 0
  const memory = memoryCentre()
  const answers: (() => void)[] = []
  const centre: Centre = {
    ...memory,
    // Its beats go by a clock of their own.
    follow: () => () => {},
    async read(tenantId, spender) {
      await new Promise<void>((resolve) => answers.push(resolve))
      return memory.read(tenantId, spender)
    },
  }
  const metrics = createCheckMetrics(new Registry())
  const checkers = new Checkers({ centre, sidecarId: 'test', clock: () => now, log: SILENT, metrics })
  const pass = async (ms: number) => {
    now += ms
    await vi.advanceTimersByTimeAsync(ms)
  }
  const answer = async () => {
    answers.shift()!()
    await vi.advanceTimersByTimeAsync(0)
  }
  return { checkers, checker: checkers.of('default'), pass, answer }
}

// A million sessions asked for at once: a centre that answered after 600 ms was taken for one that is away, for good, because
// each check that had not waited for it said so.
test('who did not wait for a slow centre does not make it one that is away', async () => {
  const { checkers, checker, pass, answer } = checkerOver()
  const ask = (session: string) => checker.check({ customer: 'acme', session })
  await pass(AWAY_MS)
  const [first, second] = [ask('first'), ask('second')]
  await pass(AWAY_WAIT_MS)
  expect(await first).toMatchObject({ decision: 'deny', reason: 'stale', source: 'last_known' })
  await pass(1)
  const third = ask('third')
  await answer()
  await pass(AWAY_WAIT_MS)
  expect([await second, await third]).toMatchObject([{ source: 'last_known' }, { source: 'last_known' }])
  const fourth = ask('fourth')
  let told: unknown = null
  void Promise.resolve(fourth).then((decision) => {
    told = decision
  })
  await pass(AWAY_WAIT_MS * 2)
  expect(told, 'it is asked again, and waited for').toBeNull()
  for (let rest = 0; rest < 3; rest++) await answer()
  expect(await fourth).toMatchObject({ decision: 'allow', source: 'live' })
  vi.useRealTimers()
  await checkers.stop()
})

test('nobody waits longer than is allowed, and whoever is one too many is answered at once', async () => {
  const { checkers, checker, pass, answer } = checkerOver()
  const asked = Array.from({ length: READS_MAX }, (_, no) =>
    checker.check({ customer: 'acme', session: `s${no}` }),
  )
  expect(await checker.check({ customer: 'acme', session: 'one too many' })).toMatchObject({
    reason: 'stale',
  })
  await answer()
  expect(await asked[0]).toMatchObject({ decision: 'allow', source: 'live' })
  await pass(READ_MS_MAX)
  const answers = await Promise.all(asked.slice(1))
  expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(['stale']))
  vi.useRealTimers()
  await checkers.stop()
})
