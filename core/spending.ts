import type { Budget, BudgetUnit, BudgetVersion, BudgetWindow, Spend, Spender } from './budget.ts'
import { subjectOf } from './budget.ts'
import type { TenantId } from './ids.ts'
import { Decimal, ZERO } from './money.ts'

/** Usage on its way to the counters of budgets: who used how much, and when. */

/** Who used something and when: what decides which counters it goes to. Times are milliseconds since 1970. */
export interface Placement {
  readonly tenantId: TenantId
  readonly spender: Spender
  /** Time of the event. */
  readonly time: number
  /** Start of the customer's billing month; of usage without a subscription that of the calendar month in UTC. */
  readonly monthStart: number
  /** End of the event, to the minute: what rolling windows go by. */
  readonly spentAt: number
}

/** What was used by whom. Negative amounts take back. */
export interface SpendEntry {
  readonly placement: Placement
  readonly spend: Spend<Decimal>
}

export const NO_SPEND: Spend<Decimal> = {
  price: ZERO,
  cogs: ZERO,
  credits: ZERO,
  tokens: ZERO,
  modelCalls: ZERO,
  toolCalls: ZERO,
  reasoningSteps: ZERO,
}
const FIELDS = Object.keys(NO_SPEND) as readonly (keyof Spend<Decimal>)[]

export function minusSpend(a: Spend<Decimal>, b: Spend<Decimal>): Spend<Decimal> {
  return combine((field) => a[field].minus(b[field]))
}

export function negated(spend: Spend<Decimal>): Spend<Decimal> {
  return combine((field) => spend[field].neg())
}

/** Whether it counts for nothing in every unit. */
export function isNothing(spend: Spend<Decimal>): boolean {
  return FIELDS.every((field) => spend[field].isZero())
}

function combine(amount: (field: keyof Spend<Decimal>) => Decimal): Spend<Decimal> {
  return Object.fromEntries(FIELDS.map((field) => [field, amount(field)])) as unknown as Spend<Decimal>
}

/** A rolling window, and the slots that its usage is summed up in. A slot counts until all of it has left the window. */
export interface Rolling {
  readonly windowMs: number
  readonly slotMs: number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Null for windows that do not roll. */
export function rollingOf(window: BudgetWindow): Rolling | null {
  if (window === 'hour') return { windowMs: 60 * MINUTE_MS, slotMs: MINUTE_MS }
  if (window === 'day') return { windowMs: DAY_MS, slotMs: 15 * MINUTE_MS }
  return null
}

/** Start of the first slot that counts at an instant. */
export function firstSlot({ windowMs, slotMs }: Rolling, now: number): number {
  return slotOf(slotMs, now - windowMs)
}

/** The slots of a counter: RFC 3339 of the start → amounts as decimal text. */
export type Slots = Readonly<Record<string, readonly [used: string, usedCogs: string | null]>>

/** What of the slots counts at an instant. */
export function usedWithin(rolling: Rolling, slots: Slots, now: number): { used: Decimal; cogs: Decimal } {
  const from = firstSlot(rolling, now)
  let [used, cogs] = [ZERO, ZERO]
  for (const [start, [amount, ofCogs]] of Object.entries(slots)) {
    if (Date.parse(start) < from) continue
    used = used.plus(amount)
    cogs = cogs.plus(ofCogs ?? 0)
  }
  return { used, cogs }
}

function slotOf(slotMs: number, instant: number): number {
  return Math.floor(instant / slotMs) * slotMs
}

/** Where of a budget's counters usage goes. */
export interface CounterPlace {
  readonly subject: string
  /** Start of the month; null for every other window. */
  readonly windowStart: number | null
  /** Start of the slot; null where the window does not roll. */
  readonly slot: number | null
}

/** Null: the budget is not about it. A budget that no customer is counted apart in has one month for all, in UTC. */
export function counterPlace(
  budget: Pick<Budget, 'scope' | 'window'>,
  placement: Placement,
): CounterPlace | null {
  const subject = subjectOf(budget, placement.spender)
  if (subject === null) return null
  const rolling = rollingOf(budget.window)
  const isOfCustomers = (budget.scope.customer ?? null) !== null
  const month = isOfCustomers ? placement.monthStart : utcMonth(placement.time)
  return {
    subject,
    windowStart: budget.window === 'month' ? month : null,
    slot: rolling === null ? null : slotOf(rolling.slotMs, placement.spentAt),
  }
}

/** Start of the calendar month in UTC. */
export function utcMonth(instant: number): number {
  const date = new Date(instant)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}

/** What a budget counts of usage; `cogs` beside the price is only for floors of the margin. */
function countedOf(unit: BudgetUnit, spend: Spend<Decimal>): { used: Decimal; cogs: Decimal | null } {
  switch (unit) {
    case 'price':
      return { used: spend.price, cogs: null }
    case 'cogs':
      return { used: spend.cogs, cogs: null }
    case 'credits':
      return { used: spend.credits, cogs: null }
    case 'tokens':
      return { used: spend.tokens, cogs: null }
    case 'model_calls':
      return { used: spend.modelCalls, cogs: null }
    case 'tool_calls':
      return { used: spend.toolCalls, cogs: null }
    case 'reasoning_steps':
      return { used: spend.reasoningSteps, cogs: null }
    case 'margin_pct':
      return { used: spend.price, cogs: spend.cogs }
  }
}

/** By how much a counter moves. */
export interface CounterMove {
  readonly tenantId: TenantId
  readonly version: BudgetVersion
  readonly subject: string
  readonly windowStart: number | null
  used: Decimal
  cogs: Decimal | null
  /** Of a rolling window, by start of the slot. */
  readonly slots: Map<number, { used: Decimal; cogs: Decimal | null }> | null
}

/**
 * Sums up by how much entries move the counters of budgets. Counters that do not move are left out.
 * @param budgetsOf the budgets that may be about a placement
 */
export function movesOf(
  entries: readonly SpendEntry[],
  budgetsOf: (placement: Placement) => Iterable<BudgetVersion>,
): readonly CounterMove[] {
  const moves = new Map<string, CounterMove>()
  for (const { placement, spend } of entries) {
    for (const version of budgetsOf(placement)) {
      const place = counterPlace(version.budget, placement)
      if (place === null) continue
      const { used, cogs } = countedOf(version.budget.unit, spend)
      if (used.isZero() && (cogs === null || cogs.isZero())) continue
      addTo(moves, placement.tenantId, version, place, used, cogs)
    }
  }
  return [...moves.values()].filter(isMove)
}

function addTo(
  moves: Map<string, CounterMove>,
  tenantId: TenantId,
  version: BudgetVersion,
  { subject, windowStart, slot }: CounterPlace,
  used: Decimal,
  cogs: Decimal | null,
): void {
  const name = JSON.stringify([tenantId, version.budgetId, subject, windowStart])
  let move = moves.get(name)
  if (move === undefined) {
    const slots = slot === null ? null : new Map()
    move = { tenantId, version, subject, windowStart, used: ZERO, cogs: cogs && ZERO, slots }
    moves.set(name, move)
  }
  move.used = move.used.plus(used)
  move.cogs = cogs === null ? null : cogs.plus(move.cogs ?? ZERO)
  if (slot === null || move.slots === null) return
  const before = move.slots.get(slot)
  move.slots.set(slot, {
    used: used.plus(before?.used ?? ZERO),
    cogs: cogs === null ? null : cogs.plus(before?.cogs ?? ZERO),
  })
}

function isMove({ used, cogs, slots }: CounterMove): boolean {
  if (slots === null) return !used.isZero() || cogs?.isZero() === false
  return [...slots.values()].some((slot) => !slot.used.isZero() || slot.cogs?.isZero() === false)
}

/** Decimal of a column's text; null counts as nothing. */
export function amountOf(text: string | null): Decimal {
  return text === null ? ZERO : new Decimal(text)
}
