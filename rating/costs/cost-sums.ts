import type { SpanId } from '../../core/ids.ts'
import { Decimal, dividedBy, toMoneyScale, ZERO } from '../../core/money.ts'
import { ByNames } from '../by-names.ts'
import { nameOf } from '../name.ts'
import { discountFactor } from '../prices/terms.ts'
import type { CostLine, UsedPrice } from './cost.ts'

/** What a line waits for until the window it was used in has been spread. */
export const NOT_ALLOCATED = 'not_allocated_yet'

/** What a line waits for whose price is in a currency without a rate. */
export function noRateFor(currency: string): string {
  return `no_rate_for_${currency.toLowerCase()}`
}

/** What COGS are kept in: a price in another currency counts where a rate says what that is worth. */
export const COST_CURRENCY = 'USD'

/** A quantity to be added: tokens are whole numbers, and become a decimal once, when the line is closed. */
export type Quantity = Decimal | number

interface OpenLine extends Omit<CostLine, 'quantity' | 'amount' | 'spanIds' | 'wants'> {
  quantity: Decimal
  /** What of the quantity came as whole numbers, beside `quantity`. */
  count: number
  wants: string | null
  readonly spanIds: SpanId[]
}

/** What a quantity is of: a line but for its price and numbers. */
export type QuantityPlace = Omit<CostLine, 'price' | 'quantity' | 'amount' | 'native' | 'wants' | 'spanIds'>

/** Takes quantities of spans at the prices that were found for them. */
export interface CostSink {
  /** A price that cannot be used yet says what it wants. */
  add(line: QuantityPlace & { readonly quantity: Quantity }, spanId: SpanId, found: UsedPrice | null): void
}

/** Cost lines that are being added up, in the order in which they were begun: two of one `costLineName` are one. */
export class CostSums implements CostSink {
  readonly #lines: OpenLine[] = []
  /** Of each model or tool by meter and tier: several where there are several prices. */
  readonly #subjects = new ByNames<Map<string, OpenLine[]>>(() => new Map())

  /** Adds a quantity of a span at the price that was found for it; one that cannot be used yet says what it wants. */
  add(
    { part, provider, model, tool, meter, serviceTier, quantity }: Parameters<CostSink['add']>[0],
    spanId: SpanId,
    found: UsedPrice | null,
  ): void {
    const wants = found && wantOf(found)
    const price = wants === null ? found : null
    const beside = this.#beside(provider, model, tool, meter, serviceTier)
    for (const open of beside) {
      if (open.part !== part || !isSamePrice(open.price, price)) continue
      addQuantity(open, quantity)
      open.spanIds.push(spanId)
      open.wants ??= wants
      return
    }
    const place = { part, provider, model, tool, meter, serviceTier }
    const line: OpenLine = { ...place, price, quantity: ZERO, count: 0, wants, spanIds: [spanId] }
    addQuantity(line, quantity)
    beside.push(line)
    this.#lines.push(line)
  }

  close(): readonly CostLine[] {
    return this.#lines.map(closeLine)
  }

  #beside(
    provider: string | null,
    model: string | null,
    tool: string | null,
    meter: string,
    serviceTier: string,
  ): OpenLine[] {
    const own = this.#subjects.of(provider, model, tool)
    const name = serviceTier === 'standard' ? meter : nameOf(meter, serviceTier)
    let beside = own.get(name)
    if (!beside) {
      beside = []
      own.set(name, beside)
    }
    return beside
  }
}

/** Whether two prices have one `priceName`. */
function isSamePrice(a: UsedPrice | null, b: UsedPrice | null): boolean {
  if (a === b || a === null || b === null) return a === b
  return a.priceRowId === b.priceRowId && a.discount?.id === b.discount?.id && a.fx?.id === b.fx?.id
}

/** Why a price cannot be used; null where it can. */
function wantOf({ wants, currency, fx }: UsedPrice): string | null {
  return wants ?? (currency === COST_CURRENCY || fx ? null : noRateFor(currency))
}

function addQuantity(line: OpenLine, quantity: Quantity): void {
  if (typeof quantity !== 'number') {
    line.quantity = line.quantity === ZERO ? quantity : line.quantity.plus(quantity)
  } else if (Number.isSafeInteger(line.count + quantity)) {
    line.count += quantity
  } else {
    line.quantity = line.quantity.plus(line.count)
    line.count = quantity
  }
}

function closeLine(line: OpenLine): CostLine {
  const { part, provider, model, tool, meter, serviceTier, price, wants, spanIds, count } = line
  const quantity = count === 0 ? line.quantity : sumOf(line.quantity, new Decimal(count))
  const place = { part, provider, model, tool, meter, serviceTier }
  if (price?.share && !price.share.quantity.equals(quantity)) {
    return { ...place, price: null, quantity, wants: NOT_ALLOCATED, spanIds, amount: null }
  }
  const { amount, native } = amountOf(quantity, price)
  return { ...place, price, quantity, wants, spanIds, amount, native }
}

function sumOf(sum: Decimal, quantity: Decimal): Decimal {
  return sum === ZERO ? quantity : sum.plus(quantity)
}

/**
 * What so many cost at a price of which a whole number of things costs an amount that needs no rounding (`isWhole`): then
 * the amounts of several lines are that of their sum, to the last digit.
 */
export function amountOfWhole(count: number, price: UsedPrice): Decimal {
  return amountOf(new Decimal(count), price).amount ?? ZERO
}

/** Whether any whole quantity has, at a price, an amount within the scale of the tables, so that nothing is rounded. */
export function isWhole(price: UsedPrice): boolean {
  if (price.share || price.fx || wantOf(price) !== null) return false
  const full = price.discount ? price.unitPrice.mul(discountFactor(price.discount.pct)) : price.unitPrice
  const unit = dividedBy(full, price.per)
  return toMoneyScale(unit).equals(unit) && unit.mul(price.per).equals(full)
}

/** The chain is exact and rounded once: quantity × unit price, less the discount, by the rate, for `per`. */
function amountOf(quantity: Decimal, price: UsedPrice | null): Pick<CostLine, 'amount' | 'native'> {
  if (price === null) return UNKNOWN
  if (price.share) return { amount: price.share.amount, native: null }
  const full = quantity.mul(price.unitPrice)
  const native = price.discount ? full.mul(discountFactor(price.discount.pct)) : full
  if (!price.fx) return { amount: toMoneyScale(dividedBy(native, price.per)), native: null }
  const amount = toMoneyScale(dividedBy(native.mul(price.fx.usd), price.per))
  return { amount, native: toMoneyScale(dividedBy(native, price.per)) }
}

const UNKNOWN = { amount: null, native: null }
