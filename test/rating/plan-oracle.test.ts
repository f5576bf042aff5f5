import { describe, expect, test } from 'vitest'
import { roundToCredits, roundToCurrency } from '../../core/currency.ts'
import { Decimal } from '../../core/money.ts'
import type { MeterFilter, PlanMeter } from '../../core/plan.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { prorate, splitPeriod } from '../../rating/plans/proration.ts'
import { quote } from '../../rating/plans/quote.ts'
import peers from '../oracles/rating.json' with { type: 'json' }
import atBounds from '../oracles/rating-at-bounds.json' with { type: 'json' }
import byRule from '../oracles/rating-by-rule.json' with { type: 'json' }

/**
 * What other systems of billing answer by their own tests, put as our plans, the same plans at each of their bounds by
 * arithmetic of fractions, and what each switch of ours says at its bounds: a usage and its price (exact) or what an
 * invoice says (rounded), a fee that changes, a part of a period, an amount that is rounded. The switches they disagree
 * on are set in each plan.
 */
type Oracle = { readonly id: string; readonly why?: string } & (Quoted | Changed | Parted | Rounded)

interface Quoted {
  readonly plan: { readonly meters: readonly PlanMeter[] }
  readonly usage: Readonly<Record<string, string>>
  readonly before?: Readonly<Record<string, string>>
  readonly of?: MeterFilter
  readonly price?: string
  readonly invoiced?: string
  readonly credits?: string
  readonly adjustments?: Readonly<Record<string, string>>
}

interface Changed {
  readonly change: {
    readonly start: string
    readonly end: string
    readonly at: string
    readonly old_fee: string
    readonly new_fee: string
    readonly restarts?: boolean
  }
  readonly credit: string
  readonly debit: string
}

interface Parted {
  readonly part: {
    readonly start: string
    readonly end: string
    readonly until: string
    readonly timezone?: string
  }
  readonly share: string
}

interface Rounded {
  readonly amount: string
  readonly currency: string
  readonly rounded: string
}

const ORACLES = [...peers, ...atBounds, ...byRule] as readonly Oracle[]

describe('what others answer', () => {
  test.each(ORACLES.filter((oracle) => 'plan' in oracle))('$id: a price', (oracle) => {
    const { price, invoiced, credits, adjustments } = ask(oracle)
    const answer = {
      ...(oracle.price !== undefined && { price: price.toFixed() }),
      ...(oracle.invoiced !== undefined && { invoiced: invoiced.toFixed() }),
      ...(oracle.credits !== undefined && { credits: credits?.toFixed() }),
      ...(oracle.adjustments && {
        adjustments: Object.fromEntries(adjustments.map(({ kind, amount }) => [kind, amount.toFixed()])),
      }),
    }
    const { id: _id, why: _why, plan: _plan, usage: _usage, before: _before, of: _of, ...expected } = oracle
    expect(answer).toEqual(expected)
    expect(Object.keys(answer).length).toBeGreaterThan(0)
  })

  test.each(ORACLES.filter((oracle) => 'change' in oracle))('$id: a fee that changes', (oracle) => {
    const { start, end, at, old_fee, new_fee, restarts } = oracle.change
    const period = { start: Date.parse(start), end: Date.parse(end) }
    const rest = splitPeriod(period, [Date.parse(at)], 'UTC').at(-1)!
    const [credit, fee] = [new Decimal(old_fee), new Decimal(new_fee)]
    const paid = [prorate(credit, rest), restarts ? fee : prorate(fee, rest)].map((amount) =>
      roundToCurrency(amount, 'USD').toFixed(),
    )
    expect(paid).toEqual([oracle.credit, oracle.debit])
  })

  test.each(ORACLES.filter((oracle) => 'part' in oracle))('$id: a part of a period', ({ part, share }) => {
    const period = { start: Date.parse(part.start), end: Date.parse(part.end) }
    const [first] = splitPeriod(period, [Date.parse(part.until)], part.timezone ?? 'UTC')
    expect(prorate(new Decimal(1), first!).toFixed()).toBe(share)
  })

  test.each(ORACLES.filter((oracle) => 'rounded' in oracle))('$id: an amount', (oracle) => {
    const { currency, rounded } = oracle
    const amount = new Decimal(oracle.amount)
    const paid = currency === 'credits' ? roundToCredits(amount) : roundToCurrency(amount, currency)
    expect(paid.toFixed()).toBe(rounded)
  })
})

function ask({ plan: written, usage, before, of = {} }: Quoted) {
  const plan = parsePlan(written)
  const totals = Object.entries(before ?? {}).map(([meter, quantity]) => ({
    meterNo: plan.meters.findIndex((each) => each.meter === meter),
    quantity: new Decimal(quantity),
  }))
  const quantities = Object.fromEntries(
    Object.entries(usage).map(([meter, quantity]) => [meter, new Decimal(quantity)]),
  )
  return quote({ plan, usage: quantities, of, before: before ? totals : null })
}
