import { Counter, type Registry } from 'prom-client'

/** What came of an attempt: taken, to be tried again, or given up. */
type AttemptOutcome = 'delivered' | 'failed' | 'dead'

export function createDeliveryMetrics(registry: Registry | undefined): (outcome: AttemptOutcome) => void {
  if (!registry) return () => {}
  const counter = new Counter({
    name: 'aforo_webhook_attempts_total',
    help: 'Attempts to deliver a message, by what came of them.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  })
  return (outcome) => counter.inc({ outcome })
}
