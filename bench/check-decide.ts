import { scaled } from '../core/scaled.ts'
import { Counter } from '../sidecar/counter.ts'
import { decide, type Ruling } from '../sidecar/decide.ts'
import { termsOf } from '../sidecar/terms.ts'

const TIMES = 1_000_000
const LEAST_OF = 5

/** Nanoseconds of a decision, with one budget and with five that warn and throttle: the least of some runs. */
export function decideNanos(): { readonly one: number; readonly five: number } {
  return { one: measure(1), five: measure(5) }
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
  const question = { counters, isKnown: true, isKilled: false, need: null, wantsHold: false, isAway: false }
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
