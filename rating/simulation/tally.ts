import { AforoError } from '../../core/errors.ts'
import type { Decimal } from '../../core/money.ts'
import { nameOf } from '../name.ts'
import type { Chargeable } from '../quantities.ts'

/** What all events in it are charged by, and what filters may ask of them. Subscription null: nobody is charged. */
export interface Place {
  readonly customer: string | null
  readonly subscriptionId: string | null
  /** Milliseconds since 1970. */
  readonly periodStart: number | null
  readonly planId: string | null
  readonly planVersion: number | null
  readonly agent: string | null
  readonly product: string | null
}

export interface ModelCalls {
  readonly provider: string | null
  readonly model: string | null
  calls: number
  unpriced: number
}

/** Quantities that were added up, before the span (of a period that reaches into it) and within. */
export interface TalliedUsage {
  readonly earlier: ReadonlyMap<string, Chargeable>
  readonly within: ReadonlyMap<string, Chargeable>
  readonly calls: ReadonlyMap<string, ModelCalls>
}

/** A place with its usage as it was, then as it would be at each token ratio. */
export interface TalliedPlace extends Place {
  readonly usages: readonly TalliedUsage[]
}

/** Sums that one tally holds: what bounds the memory of a simulation, whatever the number of events. */
export const TALLY_SUMS_MAX = 1_000_000

type Sum = { -readonly [field in keyof Chargeable]: Chargeable[field] }

interface OpenUsage extends TalliedUsage {
  readonly earlier: Map<string, Sum>
  readonly within: Map<string, Sum>
  readonly calls: Map<string, ModelCalls>
}

interface OpenPlace extends Place {
  readonly usages: readonly OpenUsage[]
}

/**
 * What events amount to, added up by who is charged, by what plan, and for which model and tool. No event is kept:
 * F of a total is the sum of its charges, in whatever order they came.
 */
export class Tally {
  readonly #places = new Map<string, OpenPlace>()
  readonly #variants: number
  readonly #sumsMax: number
  #sums = 0

  /** @param variants how often usage is added up otherwise, beside as it was */
  constructor(variants: number, sumsMax: number = TALLY_SUMS_MAX) {
    this.#variants = variants
    this.#sumsMax = sumsMax
  }

  get places(): Iterable<TalliedPlace> {
    return this.#places.values()
  }

  /** @param variant 0: as it was */
  add(place: Place, variant: number, earlier: boolean, quantities: readonly Chargeable[]): void {
    const usage = this.#open(place).usages[variant]!
    const sums = earlier ? usage.earlier : usage.within
    for (const each of quantities) {
      const name = nameOf(each.base, each.provider, each.model, each.tool, each.costPart)
      const sum = sums.get(name)
      if (sum) sum.quantity = sum.quantity.plus(each.quantity)
      else {
        this.#count()
        sums.set(name, { ...each })
      }
    }
  }

  /** Calls within the span, and those of them with an unknown cost. */
  addCalls(
    place: Place,
    variant: number,
    of: { readonly provider: string | null; readonly model: string | null },
    calls: number,
    unpriced: number,
  ): void {
    const known = this.#open(place).usages[variant]!.calls
    const name = nameOf(of.provider, of.model)
    const sum = known.get(name)
    if (sum) {
      sum.calls += calls
      sum.unpriced += unpriced
      return
    }
    this.#count()
    known.set(name, { provider: of.provider, model: of.model, calls, unpriced })
  }

  #open(place: Place): OpenPlace {
    const { customer, subscriptionId, periodStart, planId, planVersion, agent, product } = place
    const name = nameOf(customer, subscriptionId, periodStart, planId, planVersion, agent, product)
    let open = this.#places.get(name)
    if (!open) {
      this.#count()
      const usages = Array.from({ length: this.#variants + 1 }, () => ({
        earlier: new Map(),
        within: new Map(),
        calls: new Map(),
      }))
      open = { customer, subscriptionId, periodStart, planId, planVersion, agent, product, usages }
      this.#places.set(name, open)
    }
    return open
  }

  #count(): void {
    if (++this.#sums <= this.#sumsMax) return
    const told = `more than ${this.#sumsMax} sums: take a shorter span or fewer customers`
    throw new AforoError('invalid_argument', told, { faults: [{ path: '/from', message: told }] })
  }
}

/** Σ of a usage's quantities of one kind. */
export function totalOf(sums: Iterable<Chargeable>, zero: Decimal): Decimal {
  let total = zero
  for (const { quantity } of sums) total = total.plus(quantity)
  return total
}
