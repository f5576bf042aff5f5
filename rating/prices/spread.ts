import { Decimal, ZERO } from '../../core/money.ts'

/**
 * Spreads an amount by share of quantity, to `scale` digits: each part is cut down, and the digits that are left go to
 * those of which most was cut off, the first of equals first. So the parts add up to the amount to the last digit.
 *
 * @param amount not negative, with at most `scale` digits
 * @param quantities not negative, not all zero
 */
export function spread(amount: Decimal, quantities: readonly Decimal[], scale: number): readonly Decimal[] {
  const total = quantities.reduce((sum, quantity) => sum.plus(quantity), ZERO)
  const exact = quantities.map((quantity) => amount.mul(quantity).div(total))
  const parts = exact.map((part) => part.toDecimalPlaces(scale, Decimal.ROUND_DOWN))
  const digit = new Decimal(10).pow(-scale)
  const left = amount
    .minus(parts.reduce((sum, part) => sum.plus(part), ZERO))
    .div(digit)
    .toNumber()
  const byRest = exact
    .map((part, no) => ({ no, rest: part.minus(parts[no]!) }))
    .sort((a, b) => b.rest.comparedTo(a.rest) || a.no - b.no)
  for (const { no } of byRest.slice(0, left)) parts[no] = parts[no]!.plus(digit)
  return parts
}
