import type { Assembly } from '../../core/assembly.ts'
import { AforoError } from '../../core/errors.ts'
import type { Part } from '../../core/event.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import { ByNames } from '../by-names.ts'
import type { UsedPrice } from '../costs/cost.ts'
import { amountOfWhole, isWhole } from '../costs/cost-sums.ts'
import { nameOf } from '../name.ts'
import { type Chargeable, UsageCounts } from '../plans/quantities.ts'

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

/** Calls of a model, and those of them with an unknown cost. */
export interface CallCounts {
  calls: number
  unpriced: number
}

/** Quantities that were added up: before the span, of a period that reaches into it, or within. */
export interface TalliedUsage {
  readonly earlier: UsageSums
  readonly within: UsageSums
  /** By provider and model. */
  readonly calls: ByNames<CallCounts>
}

/** A place with its usage as it was, then as it would be at each token ratio. */
export interface TalliedPlace extends Place {
  readonly usages: readonly TalliedUsage[]
}

/** Sums that one tally holds: what bounds the memory of a simulation, whatever the number of events. */
const TALLY_SUMS_MAX = 1_000_000

interface CostSum {
  amount: Decimal
}

/** What was counted at a price, before it is an amount. */
interface PricedCount extends CostPlace {
  readonly price: UsedPrice
  readonly sum: CostSum
  count: number
}

/** Prices of which there are counts; beyond these all become amounts, and counting begins anew. */
export const PRICED_COUNTS_MAX = 16

/** What was used, and what it cost. */
export class UsageSums {
  readonly #counts = new UsageCounts()
  readonly #costs = new Map<Part, ByNames<CostSum>>()
  readonly #grow: (more: number) => void
  #priced: PricedCount[] = []

  /** @param grow told how many sums are new */
  constructor(grow: (more: number) => void) {
    this.#grow = grow
  }

  get costs(): readonly (CostPlace & { readonly amount: Decimal })[] {
    this.#closePriced()
    return [...this.#costs].flatMap(([part, sums]) =>
      sums.entries.map(({ names: [provider, model, tool], value: { amount } }) => {
        return { part, provider, model, tool, amount }
      }),
    )
  }

  add(assembly: Assembly): void {
    const before = this.#counts.size
    this.#counts.add(assembly)
    if (this.#counts.size > before) this.#grow(this.#counts.size - before)
  }

  addCost(of: CostPlace, amount: Decimal): void {
    const sum = this.#sumOf(of)
    sum.amount = sum.amount.plus(amount)
  }

  /**
   * Adds a whole quantity at a price under which the amounts of all of them are that of their sum: it is kept as a
   * number, and there is one multiplication for many events.
   * @returns false where the price is none of these: nothing was added
   */
  addPriced({ part, provider, model, tool }: CostPlace, price: UsedPrice, quantity: number): boolean {
    for (const known of this.#priced) {
      if (known.price !== price || known.part !== part) continue
      if (known.model !== model || known.provider !== provider || known.tool !== tool) continue
      if (!Number.isSafeInteger(known.count + quantity)) closePriced(known)
      known.count += quantity
      return true
    }
    if (!Number.isSafeInteger(quantity) || !isWhole(price)) return false
    if (this.#priced.length >= PRICED_COUNTS_MAX) this.#closePriced()
    const sum = this.#sumOf({ part, provider, model, tool })
    this.#priced.push({ part, provider, model, tool, price, sum, count: quantity })
    return true
  }

  #closePriced(): void {
    for (const priced of this.#priced) closePriced(priced)
    this.#priced = []
  }

  #sumOf({ part, provider, model, tool }: CostPlace): CostSum {
    let sums = this.#costs.get(part)
    if (sums === undefined) {
      sums = new ByNames(() => ({ amount: ZERO }))
      this.#costs.set(part, sums)
    }
    const before = sums.entries.length
    const sum = sums.of(provider, model, tool)
    if (sums.entries.length > before) this.#grow(1)
    return sum
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

function closePriced(priced: PricedCount): void {
  const { sum, count, price } = priced
  sum.amount = sum.amount.plus(amountOfWhole(count, price))
  priced.count = 0
}

/**
 * What events amount to, added up by who is charged, by what plan, and for which model and tool. No event is kept:
 * F of a total is the sum of its charges, in whatever order they came.
 */
export class Tally {
  readonly #places = new Map<string, TalliedPlace>()
  /** Much is added of one event before the next one comes. */
  #last: { readonly place: Place; readonly open: TalliedPlace } | undefined
  readonly #variants: number
  readonly #sumsMax: number
  readonly #grow = (more: number) => this.#count(more)
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
    this.sumsOf(place, variant, earlier).add(assembly)
  }

  addCost(place: Place, variant: number, earlier: boolean, of: CostPlace, amount: Decimal): void {
    this.sumsOf(place, variant, earlier).addCost(of, amount)
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
    const before = known.entries.length
    const sum = known.of(of.provider, of.model, null)
    sum.calls += calls
    sum.unpriced += unpriced
    if (known.entries.length > before) this.#count(1)
  }

  /** What is added up of a place; what is new in it counts among the sums of all. */
  sumsOf(place: Place, variant: number, earlier: boolean): UsageSums {
    const usage = this.#open(place).usages[variant]!
    return earlier ? usage.earlier : usage.within
  }

  #open(place: Place): TalliedPlace {
    if (this.#last?.place === place) return this.#last.open
    const { customer, subscriptionId, periodStart, planId, planVersion, agent, product } = place
    const name = nameOf(customer, subscriptionId, periodStart, planId, planVersion, agent, product)
    let open = this.#places.get(name)
    if (!open) {
      this.#count(1)
      const usages = Array.from({ length: this.#variants + 1 }, () => ({
        earlier: new UsageSums(this.#grow),
        within: new UsageSums(this.#grow),
        calls: new ByNames<CallCounts>(() => ({ calls: 0, unpriced: 0 })),
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
