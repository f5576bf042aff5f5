import type { Part } from '../../core/event.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import type { Meter, MeterFilter, Plan } from '../../core/plan.ts'
import { ByNames } from '../by-names.ts'
import { matchesGlob } from './glob.ts'
import { type Base, type Chargeable, METER_BASES } from './quantities.ts'

/** A quantity that a meter of the plan charges. */
export interface Charge {
  /** Place of the meter in the plan's list. */
  readonly meterNo: number
  readonly meter: Meter
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: Decimal
}

/** What filters may ask of the event as a whole. */
export interface EventScope {
  readonly agent: string | null
  readonly product: string | null
}

/**
 * Gives each quantity to the first meter of the plan that counts it and whose filter lets it pass; what no meter
 * counts is not charged. Charges of one meter, model and tool are one, in a fixed order.
 */
export function chargesOf(
  plan: Plan,
  quantities: readonly Chargeable[],
  scope: EventScope,
): readonly Charge[] {
  const charges: OpenCharge[] = []
  const subjects = new ByNames<OpenCharge[]>(() => [])
  const meters = metersOf(plan)
  for (const chargeable of quantities) {
    const meterNo = meterOf(plan, meters[chargeable.base], chargeable, scope)
    if (meterNo === undefined) continue
    const { meter } = plan.meters[meterNo]!
    const { provider, model, tool, quantity } = chargeable
    const part = chargeable.costPart ?? METER_BASES[meter].part
    const own = subjects.of(provider, model, tool)
    const open = openCharge(own, meterNo, part)
    if (open) {
      open.quantity = open.quantity.plus(quantity)
      continue
    }
    const charge = { meterNo, meter, part, provider, model, tool, quantity }
    own.push(charge)
    charges.push(charge)
  }
  return charges
}

/** Whether some meter of the plan charges a cost, so that nobody knows the price before the cost is known. */
export function chargesCost(
  plan: Plan,
  { provider, model, tool }: Pick<Chargeable, 'provider' | 'model' | 'tool'>,
  scope: EventScope,
): boolean {
  const cost: Chargeable = { base: 'cost', provider, model, tool, quantity: ZERO, costPart: null }
  return meterOf(plan, metersOf(plan).cost, cost, scope) !== undefined
}

/** The first meter that counts a quantity and lets it pass. */
function meterOf(
  plan: Plan,
  meters: readonly number[] | undefined,
  chargeable: Chargeable,
  scope: EventScope,
): number | undefined {
  if (!meters) return undefined
  for (const no of meters) if (passes(plan.meters[no]!.filter, chargeable, scope)) return no
  return undefined
}

function openCharge(own: readonly OpenCharge[], meterNo: number, part: Part): OpenCharge | undefined {
  for (const charge of own) if (charge.meterNo === meterNo && charge.part === part) return charge
  return undefined
}

/** A charge that is being added up. */
interface OpenCharge extends Charge {
  quantity: Decimal
}

type MetersOfBase = Readonly<Partial<Record<Base, readonly number[]>>>

/** A version of a plan never changes. */
const known = new WeakMap<Plan, MetersOfBase>()

/** Places of the meters that count a kind of quantity, in the plan's order. */
function metersOf(plan: Plan): MetersOfBase {
  let found = known.get(plan)
  if (!found) {
    const places: Partial<Record<Base, number[]>> = {}
    plan.meters.forEach(({ meter }, no) => {
      for (const base of METER_BASES[meter].bases) places[base] = [...(places[base] ?? []), no]
    })
    found = places
    known.set(plan, found)
  }
  return found
}

/** A field that the quantity does not have is matched by no glob, not even `*`. */
function passes(filter: MeterFilter | undefined, quantity: Chargeable, scope: EventScope): boolean {
  if (!filter) return true
  const { provider, model, tool } = quantity
  const fields = { provider, model, tool, ...scope }
  return Object.entries(filter).every(([field, glob]) => {
    const value = fields[field as keyof MeterFilter]
    return glob === undefined || (value !== null && matchesGlob(glob, value))
  })
}
