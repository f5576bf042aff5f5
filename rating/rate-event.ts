import { type Assembly, isBilledElsewhere } from '../core/assembly.ts'
import { assemblyFromDocument } from '../core/assembly-document.ts'
import type { EventStatus } from '../core/event.ts'
import { Decimal, toMoneyScale, ZERO } from '../core/money.ts'
import type { Plan } from '../core/plan.ts'
import type { Booked } from './booked.ts'
import type { ClaimedRevision } from './claim.ts'
import { type CostLine, costCalls } from './costs/cost.ts'
import { COST_CURRENCY } from './costs/cost-sums.ts'
import { compareReported, type ReportedCost } from './costs/reported.ts'
import {
  type Charged,
  type ChargeStep,
  type Counters,
  type MeterCounterKey,
  meterCounterName,
} from './counters.ts'
import { bookedPrices, costDifference, knownCost } from './difference.ts'
import { type CreditsOwed, creditsOwed } from './ledger/owed.ts'
import { nameOf } from './name.ts'
import { chargesCost, chargesOf } from './plans/charge.ts'
import { curveOf } from './plans/curve.ts'
import type { PlanRef } from './plans/plan-shelf.ts'
import { chargeables, type InCurrency } from './plans/quantities.ts'
import type { FxRate } from './prices/terms.ts'
import type { Prices } from './pricing.ts'
import { type StackLine, stackDifference, stackOf, type WorthOf } from './stack.ts'
import type { Enrolment, Unattributed } from './subscriptions.ts'

/** What rating an event needs to know: what is booked of it, and the plan it is charged by, or why there is none. */
export interface EventMaterial {
  readonly event: ClaimedRevision
  readonly booked: Booked
  /** The versions of plans that the event is or was charged by. */
  readonly planOf: (ref: PlanRef) => Plan
  readonly attribution: Unattributed | (Enrolment & { readonly planVersion: number; readonly plan: Plan })
}

/** What is to be charged, before the counters say for how much. */
export interface PreparedEvent extends EventMaterial {
  readonly assembly: Assembly
  readonly costs: readonly CostLine[]
  readonly reported: readonly ReportedCost[]
  /** What the plan's currency is worth in USD; null where that is USD, nobody is charged, or nobody has said. */
  readonly fx: FxRate | null
  /** The plan's currency, where nobody has said what it is worth. */
  readonly wantsRate: string | null
  /** What charges are worth; null where the event never had any in another currency than USD. */
  readonly worthOf: WorthOf | null
  readonly steps: readonly ChargeStep[]
  /** Costs that the plan charges and nobody knows yet: until then the price is not known either. */
  readonly uncharged: ReadonlySet<CostLine>
}

/** A revision with everything that is written for it. The lines are differences to the revisions before. */
export interface RatedEvent extends PreparedEvent {
  readonly status: EventStatus
  readonly costLines: readonly CostLine[]
  readonly charged: readonly Charged[]
  readonly stackLines: readonly StackLine[]
  readonly cogs: Decimal
  /**
   * In the currency of the attribution. A revision that changes it brings the sum of all of them into the new one: what
   * a charge in the old one could not give back is told by its price lines and in USD.
   */
  readonly price: Decimal | null
  /** All that is charged in USD, as far as rates are known; null for an event that was only ever priced in USD. */
  readonly priceUsd: Decimal | null
  readonly credits: Decimal | null
  /** Of the calls that report a cost: what they report, what the price book makes of them. Null: there are none. */
  readonly reportedCogs: Decimal | null
  readonly computedCogs: Decimal | null
  /** Credits that the whole event owes by now, to be debited from grants. */
  readonly owed: readonly CreditsOwed[]
}

const NANOS_PER_MICRO = 1000n

/**
 * Costs an event and finds what to charge: what the whole trace comes to by now, less what was booked. A late span,
 * a customer that changed, a price that arrived are all this one rule.
 */
export function prepareEvent(material: EventMaterial, { priceOf, rateOf }: Prices): PreparedEvent {
  const { event, booked } = material
  const assembly = assemblyFromDocument(event.document)
  const recordedAt = BigInt(event.recordedAtMicros) * NANOS_PER_MICRO
  const prices = bookedPrices(booked.costs)
  const costs = costCalls(assembly, priceOf, recordedAt, prices)
  const reported = compareReported(assembly, priceOf, recordedAt, prices)
  const currency = currencyOf(material)
  const fx = currency === COST_CURRENCY ? null : fxOf(material, currency, rateOf)
  const wantsRate = currency === COST_CURRENCY || fx ? null : currency
  // Costs are kept in USD: what a plan marks up is their worth in its own currency, once that is known.
  const inCurrency = (amount: Decimal) => (fx ? toMoneyScale(amount.div(fx.usd)) : wantsRate ? null : amount)
  const steps = stepsOf(material, assembly, costs, inCurrency)
  // Of an event that was ever charged in another currency every line says what it is worth in USD.
  const isForeign = currency !== COST_CURRENCY || booked.stack.some((line) => line.priceUsd !== null)
  const worthOf = isForeign ? worthOfCharges(material, currency, fx, rateOf) : null
  const uncharged = unchargedOf(material, costs, inCurrency)
  return { ...material, assembly, costs, reported, fx, wantsRate, worthOf, steps, uncharged }
}

/** What an event is charged in; USD where nobody is charged. */
function currencyOf({ attribution }: EventMaterial): string {
  return typeof attribution === 'string' ? COST_CURRENCY : attribution.plan.currency
}

/** An event keeps the rate it was first charged by, as it keeps its prices. */
function fxOf({ event, booked }: EventMaterial, currency: string, rateOf: Prices['rateOf']): FxRate | null {
  const { last } = booked
  return last?.fx && last.currency === currency ? last.fx : rateOf(currency, event.timeMicros)
}

function worthOfCharges(
  { event, planOf }: EventMaterial,
  currency: string,
  fx: FxRate | null,
  rateOf: Prices['rateOf'],
): WorthOf {
  return ({ counter, amount }) => {
    const { planId, planVersion: version } = counter
    const charged = planOf({ tenantId: event.tenantId, planId, version }).currency
    const isOwn = charged === currency
    if (charged === COST_CURRENCY) return { isOwn, usd: amount }
    const rate = isOwn ? fx : rateOf(charged, event.timeMicros)
    return { isOwn, usd: amount.isZero() ? ZERO : rate && toMoneyScale(amount.mul(rate.usd)) }
  }
}

/** Prices the steps on the counters and adds up the stack. */
export function settleEvent(prepared: PreparedEvent, counters: Counters): RatedEvent {
  const { event, booked, assembly, costs, attribution, planOf } = prepared
  const charged = prepared.steps.map((step) =>
    counters.move(step, curveOf(planOfCounter(prepared, step.counter), step.counter.meterNo)),
  )
  const costLines = costDifference(costs, booked.costs)
  const charges = sumCharges(booked.charges, charged)
  const stack = stackOf(assembly, event, costs, charges, prepared.worthOf, prepared.uncharged)
  const stackLines = stackDifference(stack, booked.stack)
  const price = prepared.worthOf ? priceOfLines(stackLines) : sumOf(charged)
  const known = typeof attribution !== 'string'
  return {
    ...prepared,
    status: statusOf(prepared),
    costLines,
    charged,
    stackLines,
    cogs: knownCost(costLines),
    price: known || charged.length > 0 ? price : null,
    priceUsd: prepared.worthOf && usdOfLines(stackLines),
    credits: creditsOf(prepared, priceOfLines(stack)),
    reportedCogs: beyond(prepared, booked.last?.reportedCogs, ({ reported }) => reported),
    computedCogs: beyond(prepared, booked.last?.computedCogs, ({ computed }) => computed),
    owed: creditsOwed(charges, planOf),
  }
}

/** Most steps are of the plan that the event is on. */
function planOfCounter({ attribution, planOf }: EventMaterial, counter: MeterCounterKey): Plan {
  const { tenantId, planId, planVersion: version } = counter
  const isOwn =
    typeof attribution !== 'string' && attribution.planId === planId && attribution.planVersion === version
  return isOwn ? attribution.plan : planOf({ tenantId, planId, version })
}

/** Whether some cost of the event is unknown. */
export function isUnpriced(costs: readonly CostLine[]): boolean {
  return costs.some((line) => line.price === null)
}

function statusOf({ attribution, costs, assembly, wantsRate }: PreparedEvent): EventStatus {
  if (isBilledElsewhere(assembly)) return 'rated'
  if (typeof attribution === 'string') return 'unattributed'
  if (isUnpriced(costs) || wantsRate !== null) return 'unpriced'
  return assembly.calls.some((call) => !call.metered) ? 'unmetered' : 'rated'
}

const NONE: ReadonlySet<CostLine> = new Set()

/** Nearly always there are none. */
function unchargedOf(
  { event, attribution }: EventMaterial,
  costs: readonly CostLine[],
  inCurrency: InCurrency,
): ReadonlySet<CostLine> {
  if (typeof attribution === 'string') return NONE
  const unknown = costs.filter(
    ({ price, amount }) =>
      price === null || (amount !== null && !amount.isZero() && inCurrency(amount) === null),
  )
  if (unknown.length === 0) return NONE
  return new Set(unknown.filter((line) => chargesCost(attribution.plan, line, event)))
}

/** In an order that is the same whatever the order of the spans. */
function stepsOf(
  material: EventMaterial,
  assembly: Assembly,
  costs: readonly CostLine[],
  inCurrency: InCurrency,
): readonly ChargeStep[] {
  const desired = desiredSteps(material, assembly, costs, inCurrency)
  if (material.booked.charges.length === 0) return desired
  const steps = new Map(desired.map((step) => [chargeName(step), step]))
  for (const { amount: _, ...step } of material.booked.charges) {
    const name = chargeName(step)
    const wanted = steps.get(name)?.quantity ?? ZERO
    steps.set(name, { ...step, quantity: wanted.minus(step.quantity) })
  }
  return [...steps.keys()]
    .sort()
    .map((name) => steps.get(name)!)
    .filter((step) => !step.quantity.isZero())
}

function desiredSteps(
  { event, attribution }: EventMaterial,
  assembly: Assembly,
  costs: readonly CostLine[],
  inCurrency: InCurrency,
): readonly ChargeStep[] {
  if (typeof attribution === 'string') return []
  const { subscriptionId, periodStart, planId, planVersion, plan } = attribution
  const counter = { tenantId: event.tenantId, subscriptionId, periodStart, planId, planVersion }
  const counters = new Map<number, MeterCounterKey>()
  const customer = event.customer!
  return chargesOf(plan, chargeables(assembly, costs, inCurrency), event).map((charge) => {
    const { meterNo, meter, part, provider, model, tool, quantity } = charge
    const key = counters.get(meterNo) ?? { ...counter, meterNo }
    counters.set(meterNo, key)
    return { customer, counter: key, meter, part, provider, model, tool, quantity }
  })
}

/** What the event was charged in all, one sum per name. What is charged now has one step per name. */
function sumCharges(booked: readonly Charged[], charged: readonly Charged[]): readonly Charged[] {
  if (booked.length === 0) return charged
  const sums = new Map<string, Charged>()
  for (const charge of [...booked, ...charged]) {
    const name = chargeName(charge)
    const sum = sums.get(name)
    const quantity = charge.quantity.plus(sum?.quantity ?? ZERO)
    sums.set(name, { ...charge, quantity, amount: charge.amount.plus(sum?.amount ?? ZERO) })
  }
  return [...sums.values()]
}

function chargeName(step: ChargeStep): string {
  const { counter, part, provider, model, tool } = step
  return meterCounterName(counter) + nameOf(part, provider, model, tool)
}

/** The event's credits less those booked; null where none are or were spoken of. */
function creditsOf({ attribution, booked }: PreparedEvent, price: Decimal): Decimal | null {
  const before = booked.last?.credits ?? ZERO
  const rate = typeof attribution === 'string' ? undefined : attribution.plan.credit_rate
  if (rate !== undefined) return toMoneyScale(price.div(new Decimal(rate))).minus(before)
  return before.isZero() ? null : before.neg()
}

/** A sum over the calls that report a cost, less what was booked of it; null where there are and were none. */
function beyond(
  { reported }: PreparedEvent,
  before: Decimal | null | undefined,
  read: (cost: ReportedCost) => Decimal,
): Decimal | null {
  if (reported.length === 0 && !before) return null
  return reported.reduce((sum, cost) => sum.plus(read(cost)), ZERO).minus(before ?? ZERO)
}

function priceOfLines(lines: readonly StackLine[]): Decimal {
  return lines.reduce((sum, line) => sum.plus(line.price), ZERO)
}

function usdOfLines(lines: readonly StackLine[]): Decimal {
  return lines.reduce((sum, line) => sum.plus(line.priceUsd ?? line.price), ZERO)
}

function sumOf(charges: readonly Charged[]): Decimal {
  return charges.reduce((sum, charge) => sum.plus(charge.amount), ZERO)
}
