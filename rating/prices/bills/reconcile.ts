import { Decimal, decimalText, percentOf, ZERO } from '../../../core/money.ts'
import type { VendorBill } from '../../../core/vendor-bills.ts'
import { matchesGlob } from '../../plans/glob.ts'
import { catalogueProvider } from '../providers.ts'

/** What events of a time cost by the words of their spans. */
export interface CostOfModel {
  readonly provider: string | null
  readonly model: string | null
  readonly cogs: string
  readonly unpricedCalls: number
}

/** Share of what was billed that COGS may differ by, and what an invoice in cents may. */
const BILL_DRIFT_MAX = new Decimal('0.005')
const CENT = new Decimal('0.01')

export interface Reconciliation {
  readonly cogs: string
  readonly unpriced_calls: number
  readonly difference: string
  readonly difference_pct: string | null
  readonly agrees: boolean
}

/** Compares a bill with those of the costs of its time that it is of. */
export function reconcile(
  bill: Pick<VendorBill, 'provider' | 'model' | 'usd'>,
  costs: readonly CostOfModel[],
): Reconciliation {
  const own = costs.filter((cost) => isOf(bill, cost))
  const cogs = own.reduce((sum, cost) => sum.plus(cost.cogs), ZERO)
  return {
    cogs: decimalText(cogs),
    unpriced_calls: own.reduce((sum, { unpricedCalls }) => sum + unpricedCalls, 0),
    ...compare(new Decimal(bill.usd), cogs),
  }
}

/** By how much COGS differ from what was billed, and whether that says something. */
export function compare(billed: Decimal, cogs: Decimal) {
  const difference = cogs.minus(billed)
  const explained = Decimal.max(billed.mul(BILL_DRIFT_MAX), CENT)
  return {
    difference: decimalText(difference),
    difference_pct: percentOf(difference, billed),
    agrees: difference.abs().lessThanOrEqualTo(explained),
  }
}

/** Whether a bill is of a cost: by the span's name of the provider, or the catalogue's, and by model where it names one. */
export function isOf(
  { provider, model }: Pick<VendorBill, 'provider' | 'model'>,
  cost: Pick<CostOfModel, 'provider' | 'model'>,
): boolean {
  if (cost.provider === null) return false
  const named = provider.trim().toLowerCase()
  const isProvider =
    cost.provider.toLowerCase() === named || catalogueProvider(cost.provider, () => true) === named
  return isProvider && (model === null || (cost.model !== null && matchesGlob(model, cost.model)))
}
