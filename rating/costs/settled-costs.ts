import { nameOf } from '../name.ts'
import { type CostLine, costLineName, type PriceOf, priceName, type UsedPrice } from './cost.ts'

/**
 * The cost lines that an event has in the end: of each line the sum of its differences and the spans it is about now.
 * A difference names the spans that came or went, or all of them where the same spans count otherwise.
 * @param booked in the order in which they were written
 */
export function settledCosts(booked: readonly CostLine[]): readonly CostLine[] {
  const settled = new Map<string, CostLine>()
  for (const line of booked) {
    const name = costLineName(line)
    const before = settled.get(name)
    settled.set(name, before ? sumOf(before, line) : line)
  }
  return [...settled.values()].filter(
    ({ quantity, amount }) => !quantity.isZero() || amount?.isZero() === false,
  )
}

/** Answers with the prices that were booked, whatever span they were booked for; null where there are several. */
export function bookedPriceOf(lines: readonly CostLine[]): PriceOf {
  const prices = new Map<string, UsedPrice | null>()
  for (const line of lines) {
    const { provider, model, tool, meter, serviceTier } = line
    const price = priceOfLine(line)
    if (price === null) continue
    const isTool = provider === null && model === null && tool !== null
    const name = isTool
      ? nameOf('tool', tool, meter, serviceTier)
      : nameOf(provider, model, meter, serviceTier)
    const other = prices.get(name)
    prices.set(name, other === undefined || (other && priceName(other) === priceName(price)) ? price : null)
  }
  return ({ provider, model, meter, serviceTier }) =>
    prices.get(nameOf(provider, model, meter, serviceTier)) ?? null
}

/** A share is of the line's whole quantity. */
function priceOfLine({ price, quantity, amount }: CostLine): UsedPrice | null {
  return price?.share && amount ? { ...price, share: { quantity, amount } } : price
}

function sumOf(before: CostLine, line: CostLine): CostLine {
  const quantity = before.quantity.plus(line.quantity)
  const amount = before.amount && line.amount ? before.amount.plus(line.amount) : null
  const moved = symmetricDifference(before.spanIds, line.spanIds)
  const isSame = moved.length === 0 && !quantity.isZero()
  const native = before.native && line.native ? before.native.plus(line.native) : null
  return { ...before, quantity, amount, native, spanIds: isSame ? before.spanIds : moved }
}

function symmetricDifference(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...a.filter((id) => !b.includes(id)), ...b.filter((id) => !a.includes(id))]
}
