import { Gauge, type Registry } from 'prom-client'
import { scaledText } from '../core/scaled.ts'
import type { Checkers } from './checkers.ts'

/** Tells in a registry what this check server has leased, and what of it its holds have that the centre has not heard of. */
export function registerLeases(registry: Registry, checkers: Checkers, clock: () => number): void {
  const gauge = (name: string, help: string, of: 'count' | 'amount' | 'held') =>
    new Gauge({
      name,
      help,
      labelNames: ['unit'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [unit, sums] of checkers.leases(clock())) {
          this.set({ unit }, of === 'count' ? sums.count : Number(scaledText(sums[of])))
        }
      },
    })
  gauge('aforo_check_leases', 'Leases of this check server that have not run out.', 'count')
  gauge('aforo_check_leased_amount', 'What they have.', 'amount')
  gauge(
    'aforo_check_leased_held_amount',
    'What of it holds have taken that the centre has not heard of.',
    'held',
  )
}
