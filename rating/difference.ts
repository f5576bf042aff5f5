import type { SpanId } from '../core/ids.ts'
import { type Decimal, ZERO } from '../core/money.ts'
import { type BookedPrices, bookedName, type CostLine, costLineName, type UsedPrice } from './cost.ts'

/**
 * The cost lines to write so that those of all revisions together are the lines of the newest one. A difference
 * points at the spans that came or went; where the same spans count otherwise now, at all of them.
 */
export function costDifference(
  desired: readonly CostLine[],
  booked: readonly CostLine[],
): readonly CostLine[] {
  if (booked.length === 0) return desired.filter(saysSomething)
  const before = new Map<string, CostLine>()
  for (const line of booked) {
    const name = costLineName(line)
    const sum = before.get(name)
    before.set(name, sum ? sumOf(sum, line) : line)
  }
  const differences: CostLine[] = []
  for (const line of desired) {
    const name = costLineName(line)
    differences.push(minus(line, before.get(name)))
    before.delete(name)
  }
  for (const line of before.values()) differences.push(minus(emptied(line), line))
  return differences.filter(saysSomething)
}

function saysSomething({ quantity, amount }: CostLine): boolean {
  return !quantity.isZero() || amount?.isZero() === false
}

/** What earlier revisions booked, by span and meter; of two the later one counts. */
export function bookedPrices(booked: readonly CostLine[]): BookedPrices {
  const prices = new Map<string, UsedPrice>()
  for (const line of booked) {
    if (line.price === null) continue
    for (const spanId of line.spanIds) prices.set(bookedName(spanId, line), line.price)
  }
  return prices
}

/** The known part of a sum of costs. */
export function knownCost(lines: readonly CostLine[]): Decimal {
  return lines.reduce((sum, line) => (line.amount ? sum.plus(line.amount) : sum), ZERO)
}

function minus(line: CostLine, before: CostLine | undefined): CostLine {
  if (!before) return line
  const moved = symmetricDifference(line.spanIds, before.spanIds)
  return {
    ...line,
    quantity: line.quantity.minus(before.quantity),
    amount: line.amount === null ? null : line.amount.minus(before.amount ?? ZERO),
    spanIds: moved.length > 0 ? moved : line.spanIds,
  }
}

function emptied(line: CostLine): CostLine {
  return { ...line, quantity: ZERO, amount: line.amount && ZERO, spanIds: [] }
}

function sumOf(a: CostLine, b: CostLine): CostLine {
  return {
    ...a,
    quantity: a.quantity.plus(b.quantity),
    amount: a.amount === null ? null : a.amount.plus(b.amount ?? ZERO),
    spanIds: [...new Set([...a.spanIds, ...b.spanIds])],
  }
}

function symmetricDifference(a: readonly SpanId[], b: readonly SpanId[]): readonly SpanId[] {
  const inA = new Set(a)
  const inB = new Set(b)
  return [...a.filter((id) => !inB.has(id)), ...b.filter((id) => !inA.has(id))]
}
