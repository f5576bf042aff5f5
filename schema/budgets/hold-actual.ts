import type { Actual } from '../../core/lease.ts'
import { type Amounts, amountsOf, type RateCard } from '../../core/rate-card.ts'
import { leastOf, mostOf, SCALED_ONE, type Scaled, scaled } from '../../core/scaled.ts'
import type { BookHold, BookTake } from './lease-book.ts'

/** What a hold came to: by what it was settled with, and by what its spans tell. */

/** What of a take its spans have not told of: of what the call was settled with, else of all that was taken. */
export function outstandingOf(hold: BookHold): (take: Pick<BookTake, 'unit' | 'taken'>) => Scaled {
  const settled = hold.settledBy === 'call' && hold.actual ? actualAmounts(hold.card, hold.actual) : {}
  const told = hold.told === null ? {} : actualAmounts(hold.card, hold.told)
  return ({ unit, taken }) => mostOf(leastOf(settled[unit] ?? taken, taken) - (told[unit] ?? 0n), 0n)
}

/** Model calls; one where nobody says. */
export function callsOf({ model_calls = '1' }: Actual): Scaled {
  return scaled(model_calls)
}

/** What was used, by unit, as far as it is told. Tokens are worth what the hold was taken at. */
export function actualAmounts(card: RateCard, actual: Actual): Partial<Record<keyof Amounts, Scaled>> {
  const amounts: Partial<Record<keyof Amounts, Scaled>> = {}
  if (actual.input_tokens !== undefined && actual.output_tokens !== undefined) {
    const usage = {
      inputTokens: BigInt(actual.input_tokens),
      outputTokens: BigInt(actual.output_tokens),
      toolCalls: BigInt(actual.tool_calls ?? 0),
    }
    for (const [unit, amount] of Object.entries(amountsOf(card, usage))) {
      if (amount !== null) amounts[unit as keyof Amounts] = amount
    }
    // What is due once for a call is due for each of several, and for none of none.
    const more = scaled(actual.model_calls ?? '1') - SCALED_ONE
    const once = amountsOf(card, { inputTokens: 0n, outputTokens: 0n, toolCalls: 0n })
    for (const unit of ['price', 'cogs', 'credits'] as const) {
      const each = once[unit]
      if (each !== null && more !== 0n) amounts[unit]! += (each * more) / SCALED_ONE
    }
  }
  for (const unit of [
    'price',
    'cogs',
    'credits',
    'tokens',
    'model_calls',
    'tool_calls',
    'reasoning_steps',
  ] as const) {
    const told = actual[unit]
    if (told !== undefined) amounts[unit] = mostOf(scaled(told), 0n)
  }
  return amounts
}
