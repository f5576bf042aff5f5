import { ZERO } from '../../core/money.ts'
import {
  type Charged,
  type ChargeStep,
  type CounterState,
  type Counters,
  meterCounterName,
} from '../counters.ts'
import type { Curve } from '../plans/curve.ts'

/**
 * Counters as they were read, moved in memory alone: what an open trace would be charged if it were rated now. Each
 * trace begins where the counters stand; what other open traces would add is not in them.
 */
export class UnlockedCounters implements Counters {
  readonly #read: ReadonlyMap<string, CounterState>
  readonly #moved = new Map<string, CounterState>()

  constructor(read: ReadonlyMap<string, CounterState>) {
    this.#read = read
  }

  move(step: ChargeStep, curve: Curve): Charged {
    const name = meterCounterName(step.counter)
    const before = this.#moved.get(name) ?? this.#read.get(name) ?? { quantity: ZERO, amount: ZERO }
    const quantity = before.quantity.plus(step.quantity)
    const total = curve.priceOf(quantity)
    this.#moved.set(name, { quantity, amount: total })
    return { ...step, amount: total.minus(before.amount) }
  }
}
