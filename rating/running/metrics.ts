import { Counter, type Registry } from 'prom-client'

/** Counters of the running cost: a row each, counted per turn. */
const COUNTERS = [
  [
    'projected',
    'aforo_running_traces_total',
    'Open traces looked at for what they count for against budgets.',
  ],
  [
    'failed',
    'aforo_running_failed_total',
    'Open traces that could not be looked at and wait for another try.',
  ],
] as const

export type RunningMetrics = Readonly<Record<(typeof COUNTERS)[number][0], (count: number) => void>>

export function createRunningMetrics(registry: Registry | undefined): RunningMetrics {
  const entries = COUNTERS.map(([name, metric, help]) => {
    if (!registry) return [name, () => {}] as const
    const counter = new Counter({ name: metric, help, registers: [registry] })
    return [name, (count: number) => counter.inc(count)] as const
  })
  return Object.fromEntries(entries) as unknown as RunningMetrics
}
