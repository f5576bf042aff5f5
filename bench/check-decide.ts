import { Registry } from 'prom-client'
import type { Decision } from '../core/decision.ts'
import { SILENT } from '../core/log.ts'
import { scaled } from '../core/scaled.ts'
import { Checkers } from '../sidecar/checkers.ts'
import { decide, type Ruling } from '../sidecar/deciding/decide.ts'
import { createCheckMetrics } from '../sidecar/metrics.ts'
import { Counter } from '../sidecar/view/counter.ts'
import { termsOf } from '../sidecar/view/terms.ts'
import { memoryCentre } from './check-centre.ts'
import { questionTo } from './check-servers.ts'

const TIMES = 1_000_000
const CHECK_TIMES = 200_000
const LEAST_OF = 5

/** Nanoseconds of a decision, with one budget and with five that warn and throttle: the least of some runs. */
export function decideNanos(): { readonly one: number; readonly five: number } {
  return { one: measure(1), five: measure(5) }
}

/** Nanoseconds of CPU of a whole check in memory: who asks is looked up, decided for and counted. The least of some runs. */
export async function checkNanos(): Promise<number> {
  const metrics = createCheckMetrics(new Registry())
  const clock = () => performance.now()
  const checkers = new Checkers({ centre: memoryCentre(), sidecarId: 'bench', clock, log: SILENT, metrics })
  const checker = checkers.of('default')
  const question = questionTo('check')
  await checker.check(question)
  let kept: unknown
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < LEAST_OF; run++) {
    const before = process.cpuUsage()
    for (let i = 0; i < CHECK_TIMES; i++) kept = checker.check(question)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, ((user + system) * 1_000) / CHECK_TIMES)
    // What the centre tells is heard in between: it is not away.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await checkers.stop()
  if ((kept as Decision).source !== 'live') throw new Error('the centre was away')
  return least
}

function measure(count: number): number {
  const counters = Array.from({ length: count }, (_, i) => {
    const budget = {
      scope: {},
      unit: 'price',
      limit: '1000',
      window: 'lifetime',
      mode: 'hard',
      warn_at: ['0.8'],
      throttle: { at: '0.9', per_second: '1' },
    } as const
    const key = { budgetId: `b${i}`, counting: 1, subject: '[]', windowStart: '-infinity' }
    const counter = new Counter(key.budgetId, key, termsOf(key.budgetId, budget), scaled(budget.limit))
    counter.used = scaled(`${i}.25`)
    return counter
  })
  const question = {
    counters,
    isKnown: true,
    isKilled: false,
    need: null,
    wantsHold: false,
    isAway: false,
    isUnderWay: false,
  }
  let kept: Ruling | undefined
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < LEAST_OF; run++) {
    const started = process.hrtime.bigint()
    for (let i = 0; i < TIMES; i++) kept = decide(question, i)
    least = Math.min(least, Number(process.hrtime.bigint() - started) / TIMES)
  }
  if (kept?.verdict !== 'allow') throw new Error('it should have been let through')
  return least
}
