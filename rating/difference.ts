import type { SpanId } from '../core/ids.ts'
import { type Decimal, ZERO } from '../core/money.ts'
import { type BookedPrices, bookedName, type CostLine, costLineName, type UsedPrice } from './costs/cost.ts'
import { settledCosts } from './costs/settled-costs.ts'

/**
 * The cost lines to write so that those of all revisions together are the lines of the newest one. A difference
 * points at the spans that came or went; where the same spans count otherwise now, at all of them.
 */
export function costDifference(
  desired: readonly CostLine[],
  booked: readonly CostLine[],
): readonly CostLine[] {
  if (booked.length === 0) return desired.filter(saysSomething)
  const before = new Map(settledCosts(booked).map((line) => [costLineName(line), line]))
  const differences: CostLine[] = []
  const differ = (line: CostLine, from: CostLine) => {
    const moved = symmetricDifference(line.spanIds, from.spanIds)
    const difference = minus(line, from, moved)
    // Spans that take each other's place are told even where the quantity stays: each has its own price.
    if (moved.length > 0 || saysSomething(difference)) differences.push(difference)
  }
  for (const line of desired) {
    const name = costLineName(line)
    const from = before.get(name)
    before.delete(name)
    if (from) differ(line, from)
    else if (saysSomething(line)) differences.push(line)
  }
  for (const line of before.values()) differ(emptied(line), line)
  return differences
}

function saysSomething({ quantity, amount }: CostLine): boolean {
  return !quantity.isZero() || amount?.isZero() === false
}

/**
 * What earlier revisions booked, by span and meter. A difference that empties a line names the spans that left it, so
 * the line that a span is in by now has its price, not the last one that names it.
 */
export function bookedPrices(booked: readonly CostLine[]): BookedPrices {
  if (booked.length === 0) return NOTHING_BOOKED
  const prices = new Map<string, UsedPrice>()
  for (const line of settledCosts(booked)) {
    if (line.price === null) continue
    for (const spanId of line.spanIds) prices.set(bookedName(spanId, line), line.price)
  }
  return prices
}

const NOTHING_BOOKED: BookedPrices = new Map()

/** The known part of a sum of costs. */
export function knownCost(lines: readonly CostLine[]): Decimal {
  return lines.reduce((sum, line) => (line.amount ? sum.plus(line.amount) : sum), ZERO)
}

function minus(line: CostLine, before: CostLine, moved: readonly SpanId[]): CostLine {
  return {
    ...line,
    quantity: line.quantity.minus(before.quantity),
    amount: line.amount === null ? null : line.amount.minus(before.amount ?? ZERO),
    native: line.native ? line.native.minus(before.native ?? ZERO) : null,
    spanIds: moved.length > 0 ? moved : line.spanIds,
  }
}

function emptied(line: CostLine): CostLine {
  return { ...line, quantity: ZERO, amount: line.amount && ZERO, native: line.native && ZERO, spanIds: [] }
}

function symmetricDifference(a: readonly SpanId[], b: readonly SpanId[]): readonly SpanId[] {
  const inA = new Set(a)
  const inB = new Set(b)
  return [...a.filter((id) => !inB.has(id)), ...b.filter((id) => !inA.has(id))]
}
