import { Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import type { Charged } from '../counters.ts'
import { nameOf } from '../name.ts'
import type { PlanRef } from '../plans/plan-shelf.ts'

/** What an event comes to in credits for a customer, all its revisions together. */
export interface CreditsOwed {
  readonly customer: string
  readonly credits: Decimal
}

/**
 * Credits that an event owes by the plans that bill in them. A customer whom the event was taken from owes zero, and
 * is listed, so that what it paid goes back.
 *
 * @param charges of all revisions, this one included
 */
export function creditsOwed(
  charges: readonly Charged[],
  planOf: (ref: PlanRef) => Plan,
): readonly CreditsOwed[] {
  const prices = new Map<string, { customer: string; rate: string; price: Decimal }>()
  let latest: { readonly ref: PlanRef; readonly plan: Plan } | undefined
  for (const { customer, amount, counter } of charges) {
    const { tenantId, planId, planVersion: version, subscriptionId } = counter
    // Most events are charged by one plan, and looking one up costs more than all the rest here.
    if (latest?.ref.planId !== planId || latest.ref.version !== version) {
      const ref = { tenantId, planId, version }
      latest = { ref, plan: planOf(ref) }
    }
    const { bill_as, credit_rate: rate } = latest.plan
    if (bill_as !== 'credits' || rate === undefined) continue
    const name = nameOf(customer, subscriptionId, planId, version)
    const price = amount.plus(prices.get(name)?.price ?? ZERO)
    prices.set(name, { customer, rate, price })
  }
  const owed = new Map<string, Decimal>()
  for (const { customer, rate, price } of prices.values()) {
    const credits = toMoneyScale(price.div(new Decimal(rate)))
    owed.set(customer, credits.plus(owed.get(customer) ?? ZERO))
  }
  return [...owed].map(([customer, credits]) => ({ customer, credits }))
}
