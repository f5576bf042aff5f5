import { Decimal, decimalText, percentOf, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import type { SimulatedChange, SimulatedSide, Simulation } from '../../core/simulation.ts'
import { nameOf } from '../name.ts'
import type { PlanRef, PlanVersionStart } from '../plans/plan-shelf.ts'
import { type CountedPart, pricePart } from './part.ts'
import type { TalliedPlace } from './tally.ts'
import { duePartsOf, type Term } from './terms.ts'

/** Everything that a settlement is a function of. */
export interface ToSettle {
  readonly places: Iterable<TalliedPlace>
  readonly terms: readonly Term[]
  readonly startsOf: (planId: string) => readonly PlanVersionStart[]
  readonly planOf: (ref: Omit<PlanRef, 'tenantId'>) => Plan
  /** The plan a customer is to be on; null: the one he is on. */
  readonly triedPlan: (customer: string) => Plan | null
  /** A plan as the scenario has it: with another mark-up. */
  readonly adapt: (plan: Plan) => Plan
  /** Which of the tallied usages each side is of: before, after, and after at the other token ratio. */
  readonly usageOfSide: readonly number[]
  /** Milliseconds since 1970. */
  readonly from: number
  readonly to: number
}

/** Sums of one side of somebody or something. */
interface Account {
  charges: Decimal
  adjustments: Decimal
  cogs: Decimal
  calls: number
  unpriced: number
}

interface Row<Of> {
  readonly of: Of
  readonly sides: readonly Account[]
}

interface Model {
  readonly provider: string | null
  readonly model: string | null
}

type Settled = Pick<Simulation, 'totals' | 'customers' | 'models'>

/** Charges what was tallied, before and after, and tells it by customer and by model. Who pays more comes first. */
export function settle(order: ToSettle): Settled {
  const sides = order.usageOfSide.length
  const totals = newRow(null, sides)
  const customers = new Map<string | null, Row<string | null>>()
  const models = new Map<string, Row<Model>>()
  const modelRow = ({ provider, model }: Model) => {
    const name = nameOf(provider, model)
    return models.get(name) ?? put(models, name, newRow({ provider, model }, sides))
  }
  const places = Map.groupBy(order.places, ({ customer }) => customer)
  const terms = Map.groupBy(order.terms, ({ customer }) => customer as string | null)
  for (const customer of new Set([...places.keys(), ...terms.keys()])) {
    const row = put(customers, customer, newRow(customer, sides))
    const own = places.get(customer) ?? []
    for (let side = 0; side < sides; side++) {
      const into = (of: Model) => [totals, row, modelRow(of)].map((each) => each.sides[side]!)
      for (const place of own) addCosts(place, order.usageOfSide[side]!, into)
      if (customer === null) continue
      for (const part of partsOf(order, customer, own, terms.get(customer) ?? [], side)) {
        const { charges, adjustments } = pricePart(part)
        for (const { amount, ...of } of charges)
          for (const account of into(of)) account.charges = account.charges.plus(amount)
        if (adjustments.isZero()) continue
        for (const account of into({ provider: null, model: null }))
          account.adjustments = account.adjustments.plus(adjustments)
      }
    }
  }
  return {
    totals: shown(totals),
    customers: sorted([...customers.values()].filter(saysSomething), (of) => of ?? '').map((row) => ({
      customer: row.of,
      ...shown(row),
    })),
    models: sorted([...models.values()].filter(saysSomething), ({ provider, model }) =>
      nameOf(model, provider),
    ).map((row) => ({ ...row.of, ...shown(row) })),
  }
}

function addCosts(place: TalliedPlace, usageNo: number, into: (of: Model) => readonly Account[]): void {
  const { within, calls } = place.usages[usageNo]!
  for (const { amount, provider, model } of within.costs) {
    for (const account of into({ provider, model })) account.cogs = account.cogs.plus(amount)
  }
  for (const { names, value } of calls.entries) {
    for (const account of into({ provider: names[0], model: names[1] })) {
      account.calls += value.calls
      account.unpriced += value.unpriced
    }
  }
}

/** What meets in the same counters, with the days it owes for; also where nothing was used. */
function partsOf(
  { startsOf, planOf, triedPlan, adapt, usageOfSide, from, to }: ToSettle,
  customer: string,
  places: readonly TalliedPlace[],
  terms: readonly Term[],
  side: number,
): readonly CountedPart[] {
  const tried = side === 0 ? null : triedPlan(customer)
  const parts = new Map<string, CountedPart & { scopes: CountedPart['scopes'][number][] }>()
  const planFor = (planId: string, version: number) => {
    const plan = tried ?? planOf({ planId, version })
    return side === 0 ? plan : adapt(plan)
  }
  const nameFor = (subscriptionId: string, periodStart: number, version: number | null) =>
    nameOf(subscriptionId, periodStart, tried ? null : version)
  for (const term of terms) {
    for (const due of duePartsOf(term, tried ? null : startsOf(term.planId), from, to)) {
      const plan = planFor(term.planId, due.version ?? 0)
      const name = nameFor(term.subscriptionId, due.periodStart, due.version)
      parts.set(name, { plan, due: due.segment, scopes: [] })
    }
  }
  for (const place of places) {
    const { subscriptionId, periodStart, planId, planVersion, agent, product } = place
    if (subscriptionId === null || periodStart === null || planId === null || planVersion === null) continue
    const name = nameFor(subscriptionId, periodStart, planVersion)
    const part = parts.get(name) ?? {
      plan: planFor(planId, planVersion),
      due: null,
      scopes: [],
    }
    parts.set(name, part)
    const { earlier, within } = place.usages[usageOfSide[side]!]!
    part.scopes.push({ agent, product, earlier: earlier.chargeables(), within: within.chargeables() })
  }
  return [...parts.values()]
}

function newRow<Of>(of: Of, sides: number): Row<Of> {
  const account = () => ({ charges: ZERO, adjustments: ZERO, cogs: ZERO, calls: 0, unpriced: 0 })
  return { of, sides: Array.from({ length: sides }, account) }
}

function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  map.set(key, value)
  return value
}

function saysSomething({ sides }: Row<unknown>): boolean {
  return sides.some(
    ({ charges, adjustments, cogs, calls }) =>
      calls !== 0 || !charges.isZero() || !adjustments.isZero() || !cogs.isZero(),
  )
}

function revenueOf({ charges, adjustments }: Account): Decimal {
  return charges.plus(adjustments)
}

function changeOf({ sides }: Row<unknown>, side: number): Decimal {
  return revenueOf(sides[side]!).minus(revenueOf(sides[0]!))
}

function sorted<Of>(rows: readonly Row<Of>[], name: (of: Of) => string): readonly Row<Of>[] {
  const keyed = rows.map((row) => ({ row, change: changeOf(row, 1), name: name(row.of) }))
  keyed.sort((a, b) => b.change.comparedTo(a.change) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return keyed.map(({ row }) => row)
}

function shown(row: Row<unknown>): SimulatedChange {
  const [before, after, high] = row.sides.map(shownSide)
  return {
    before: before!,
    after: after!,
    ...(high && { after_high: high }),
    revenue_change: decimalText(changeOf(row, 1)),
    ...(high && { revenue_change_high: decimalText(changeOf(row, 2)) }),
  }
}

function shownSide(account: Account): SimulatedSide {
  const revenue = revenueOf(account)
  const margin = account.unpriced === 0 ? revenue.minus(account.cogs) : null
  return {
    revenue: decimalText(revenue),
    charges: decimalText(account.charges),
    adjustments: decimalText(account.adjustments),
    cogs: margin && decimalText(account.cogs),
    cogs_known: decimalText(account.cogs),
    margin: margin && decimalText(margin),
    margin_pct: margin && percentOf(margin, revenue),
    calls: account.calls,
    unpriced_calls: account.unpriced,
  }
}

/** A plan whose `cost_plus` meters add another mark-up. */
export function withMarkup(plan: Plan, markupPct: string): Plan {
  const meters = plan.meters.map((meter) =>
    meter.model === 'cost_plus' ? { ...meter, markup_pct: markupPct } : meter,
  )
  return { ...plan, meters }
}

/** Difference of two amounts as text. */
export function differenceOf(a: string, b: string): string {
  return decimalText(new Decimal(a).minus(b))
}
