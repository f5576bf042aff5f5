import {
  type Budget,
  type BudgetMode,
  type BudgetScope,
  type BudgetUnit,
  type BudgetWindow,
  COUNT_UNITS,
  type Outage,
} from '../../core/budget.ts'
import { leastOf, SCALED_ONE, type Scaled, scaled } from '../../core/scaled.ts'

/** A budget made ready to be compared with, once per version. */
export interface Terms {
  readonly budgetId: string
  readonly scope: BudgetScope
  readonly window: BudgetWindow
  readonly unit: BudgetUnit
  /** It counts wholes. */
  readonly isWhole: boolean
  readonly mode: BudgetMode
  /** Its limit is what the customer has: it moves, and the centre tells. */
  readonly isWallet: boolean
  /** Shares of the limit. */
  readonly warnAt: Scaled | null
  readonly throttleAt: Scaled | null
  readonly perSecond: number
  readonly onOutage: Outage
  readonly estimate: Scaled | null
  readonly hintModel: string | null
  readonly floorAfter: Scaled
}

/** What a budget says, as decisions read it. */
export function termsOf(budgetId: string, budget: Budget): Terms {
  const warnings = (budget.warn_at ?? []).map(scaled)
  return {
    budgetId,
    scope: budget.scope,
    window: budget.window,
    unit: budget.unit,
    isWhole: COUNT_UNITS.has(budget.unit),
    mode: budget.mode,
    isWallet: budget.limit === 'balance',
    warnAt: warnings.length === 0 ? null : warnings.reduce(leastOf),
    throttleAt: budget.throttle ? scaled(budget.throttle.at) : null,
    perSecond: budget.throttle ? Number(budget.throttle.per_second) : 0,
    onOutage: budget.on_outage ?? 'bounded',
    estimate: budget.estimate === undefined ? null : scaled(budget.estimate),
    hintModel: budget.hint_model ?? null,
    floorAfter: budget.floor_after === undefined ? 0n : scaled(budget.floor_after),
  }
}

/** Whether the margin of a price over its cost is below a percentage. Nothing is judged where there is no price. */
export function isBelowFloor(price: Scaled, cogs: Scaled, percent: Scaled): boolean {
  return price > 0n && (price - cogs) * 100n * SCALED_ONE < percent * price
}
