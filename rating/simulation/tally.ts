import type { Assembly } from '../../core/assembly.ts'
import { AforoError } from '../../core/errors.ts'
import type { Part } from '../../core/event.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import { ByNames } from '../by-names.ts'
import { nameOf } from '../name.ts'
import { type Chargeable, UsageCounts } from '../quantities.ts'

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

/** Whose cost it is. */
export interface CostPlace {
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
}

export interface ModelCalls {
  readonly provider: string | null
  readonly model: string | null
  calls: number
  unpriced: number
}

/** Quantities that were added up: before the span, of a period that reaches into it, or within. */
export interface TalliedUsage {
  readonly earlier: UsageSums
  readonly within: UsageSums
  readonly calls: ReadonlyMap<string, ModelCalls>
}

/** A place with its usage as it was, then as it would be at each token ratio. */
export interface TalliedPlace extends Place {
  readonly usages: readonly TalliedUsage[]
}

/** Sums that one tally holds: what bounds the memory of a simulation, whatever the number of events. */
export const TALLY_SUMS_MAX = 1_000_000

/** What was used, and what it cost. */
export class UsageSums {
  readonly #counts = new UsageCounts()
  readonly #costs = new Map<Part, ByNames<{ amount: Decimal }>>()

  get size(): number {
    let size = this.#counts.size
    for (const sums of this.#costs.values()) size += sums.entries.length
    return size
  }

  get costs(): readonly (CostPlace & { readonly amount: Decimal })[] {
    return [...this.#costs].flatMap(([part, sums]) =>
      sums.entries.map(({ names: [provider, model, tool], value: { amount } }) => {
        return { part, provider, model, tool, amount }
      }),
    )
  }

  add(assembly: Assembly): void {
    this.#counts.add(assembly)
  }

  addCost({ part, provider, model, tool }: CostPlace, amount: Decimal): void {
    let sums = this.#costs.get(part)
    if (sums === undefined) {
      sums = new ByNames(() => ({ amount: ZERO }))
      this.#costs.set(part, sums)
    }
    const sum = sums.of(provider, model, tool)
    sum.amount = sum.amount.plus(amount)
  }

  /** As those of an event. */
  chargeables(): readonly Chargeable[] {
    const found = this.#counts.chargeables()
    for (const { part, amount, ...of } of this.costs) {
      if (!amount.isZero()) found.push({ base: 'cost', ...of, quantity: amount, costPart: part })
    }
    return found
  }
}

interface OpenUsage extends TalliedUsage {
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
  /** Much is added of one event before the next one comes. */
  #last: { readonly place: Place; readonly open: OpenPlace } | undefined
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
  add(place: Place, variant: number, earlier: boolean, assembly: Assembly): void {
    const sums = this.#sumsOf(place, variant, earlier)
    const before = sums.size
    sums.add(assembly)
    this.#count(sums.size - before)
  }

  addCost(place: Place, variant: number, earlier: boolean, of: CostPlace, amount: Decimal): void {
    const sums = this.#sumsOf(place, variant, earlier)
    const before = sums.size
    sums.addCost(of, amount)
    this.#count(sums.size - before)
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
    this.#count(1)
    known.set(name, { provider: of.provider, model: of.model, calls, unpriced })
  }

  #sumsOf(place: Place, variant: number, earlier: boolean): UsageSums {
    const usage = this.#open(place).usages[variant]!
    return earlier ? usage.earlier : usage.within
  }

  #open(place: Place): OpenPlace {
    if (this.#last?.place === place) return this.#last.open
    const { customer, subscriptionId, periodStart, planId, planVersion, agent, product } = place
    const name = nameOf(customer, subscriptionId, periodStart, planId, planVersion, agent, product)
    let open = this.#places.get(name)
    if (!open) {
      this.#count(1)
      const usages = Array.from({ length: this.#variants + 1 }, () => ({
        earlier: new UsageSums(),
        within: new UsageSums(),
        calls: new Map(),
      }))
      open = { customer, subscriptionId, periodStart, planId, planVersion, agent, product, usages }
      this.#places.set(name, open)
    }
    this.#last = { place, open }
    return open
  }

  #count(more: number): void {
    this.#sums += more
    if (this.#sums <= this.#sumsMax) return
    const told = `more than ${this.#sumsMax} sums: take a shorter span or fewer customers`
    throw new AforoError('invalid_argument', told, { faults: [{ path: '/from', message: told }] })
  }
}
