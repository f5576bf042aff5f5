import type { SpanId } from '../../core/ids.ts'
import type { UsedPrice } from '../costs/cost.ts'
import { type CostSink, CostSums } from '../costs/cost-sums.ts'
import type { UsageSums } from './tally.ts'

/**
 * What the switched calls of one event cost. Whole quantities at prices that need no rounding, as nearly all are, go into
 * the sums as they are. All else makes lines of the event first, as a rating would, since each of these is rounded.
 */
export class SwitchedCosts implements CostSink {
  readonly #sums: UsageSums
  #lines: CostSums | undefined

  constructor(sums: UsageSums) {
    this.#sums = sums
  }

  add(line: Parameters<CostSink['add']>[0], spanId: SpanId, found: UsedPrice | null): void {
    const { quantity } = line
    if (found !== null && typeof quantity === 'number' && this.#sums.addPriced(line, found, quantity)) return
    this.#lines ??= new CostSums()
    this.#lines.add(line, spanId, found)
  }

  /** @returns the calls with an unknown cost */
  close(): ReadonlySet<SpanId> {
    if (this.#lines === undefined) return NONE
    const unpriced = new Set<SpanId>()
    for (const line of this.#lines.close()) {
      if (line.amount) this.#sums.addCost(line, line.amount)
      if (line.price === null) for (const spanId of line.spanIds) unpriced.add(spanId)
    }
    return unpriced
  }
}

const NONE: ReadonlySet<SpanId> = new Set()
