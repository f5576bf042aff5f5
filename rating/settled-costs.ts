import { type CostLine, costLineName, type PriceOf, type UsedPrice } from './cost.ts'
import { nameOf } from './name.ts'

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
  for (const { provider, model, tool, meter, serviceTier, price } of lines) {
    if (price === null) continue
    const isTool = provider === null && model === null && tool !== null
    const name = isTool
      ? nameOf('tool', tool, meter, serviceTier)
      : nameOf(provider, model, meter, serviceTier)
    const other = prices.get(name)
    prices.set(name, other === undefined || other?.priceRowId === price.priceRowId ? price : null)
  }
  return ({ provider, model, meter, serviceTier }) =>
    prices.get(nameOf(provider, model, meter, serviceTier)) ?? null
}

function sumOf(before: CostLine, line: CostLine): CostLine {
  const quantity = before.quantity.plus(line.quantity)
  const amount = before.amount && line.amount ? before.amount.plus(line.amount) : null
  const moved = symmetricDifference(before.spanIds, line.spanIds)
  const isSame = moved.length === 0 && !quantity.isZero()
  return { ...before, quantity, amount, spanIds: isSame ? before.spanIds : moved }
}

function symmetricDifference(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...a.filter((id) => !b.includes(id)), ...b.filter((id) => !a.includes(id))]
}
