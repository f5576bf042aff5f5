import type { Assembly, ModelCall } from '../../core/assembly.ts'
import { type Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { UnixNano } from '../../core/time.ts'
import { nameOf } from '../name.ts'
import { discountFactor } from '../prices/terms.ts'
import {
  type BookedPrices,
  type CostedQuantity,
  type CostLine,
  costCalls,
  type PriceOf,
  type UsedPrice,
} from './cost.ts'

/** A price for past usage that was approved after that usage was costed. Instants are microseconds since 1970. */
export interface BackDatedPrice {
  readonly proposalId: string
  readonly approver: string
  readonly reason: string | null
  readonly provider: string
  readonly model: string
  /** The rows it put into the book, and the time that they are for. */
  readonly priceRowIds: ReadonlySet<string>
  readonly from: number
  readonly to: number
  readonly recordedAt: number
}

/** The same with the book as it was known just after it. */
export interface AskableBackDatedPrice extends BackDatedPrice {
  readonly priceOf: PriceOf
}

/** A quantity that is costed by another row than the one it was booked with. Costs and prices of the event stay. */
export interface AdjustedQuantity extends CostedQuantity {
  readonly proposalId: string
  readonly before: UsedPrice
  readonly after: UsedPrice
}

/** An adjusted quantity with whose it is and what it amounts to at both rows. */
export interface Adjustment extends AdjustedQuantity {
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  readonly oldAmount: Decimal
  readonly newAmount: Decimal
}

const NANOS_PER_MICRO = 1000n

/**
 * What of an event back-dated prices cost otherwise, one by one in the order in which they were approved: a quantity goes
 * over to a row of theirs where the book, as it was known just after, prices it by that row and it was booked with an
 * earlier one. So a contract or override that goes before the catalogue keeps it out, and what was costed after the
 * approval has the new price already.
 *
 * @param prices what each span of the event is booked at
 * @param recordedAtOf when a price row was recorded
 */
export function adjustedQuantities(
  assembly: Assembly,
  { prices, recordedAt }: { readonly prices: BookedPrices; readonly recordedAt: UnixNano },
  backDated: readonly AskableBackDatedPrice[],
  recordedAtOf: (priceRowId: string) => number | null,
): readonly AdjustedQuantity[] {
  const sums = new Map<string, AdjustedQuantity>()
  for (const call of assembly.calls) {
    const due = backDated.filter((price) => isWithin(call, price))
    if (!call.metered || due.length === 0) continue
    const alone = { ...assembly, calls: [call], tools: [] }
    const current = new Map(
      costCalls(alone, () => null, recordedAt, prices).map((line) => [placeOf(line), line]),
    )
    for (const price of due) {
      for (const wanted of costCalls(alone, price.priceOf, recordedAt)) {
        const line = current.get(placeOf(wanted))
        if (!line?.price || !wanted.price || !goesOver(line.price, wanted.price, price, recordedAtOf))
          continue
        // What a tenant has off the list it has off the new price too.
        const after = { ...wanted.price, discount: line.price.discount ?? null }
        add(sums, price.proposalId, line, after)
        current.set(placeOf(wanted), { ...line, price: after })
      }
    }
  }
  return [...sums.values()]
}

/** What is to be booked so that all adjustments of the event together are the wanted ones. */
export function adjustmentDifference(
  wanted: readonly AdjustedQuantity[],
  whose: Pick<Adjustment, 'customer' | 'product' | 'agent'>,
  booked: readonly Adjustment[],
): readonly Adjustment[] {
  const { customer, product, agent } = whose
  const left = new Map(booked.map((each) => [adjustmentName(each), each]))
  const differences = wanted.map((each) => {
    const adjustment = {
      ...each,
      ...{ customer, product, agent },
      oldAmount: amountOf(each.quantity, each.before),
      newAmount: amountOf(each.quantity, each.after),
    }
    const name = adjustmentName(adjustment)
    const before = left.get(name)
    left.delete(name)
    return before ? minus(adjustment, before) : adjustment
  })
  const gone = [...left.values()].map((each) =>
    minus({ ...each, quantity: ZERO, oldAmount: ZERO, newAmount: ZERO }, each),
  )
  return [...differences, ...gone].filter(
    ({ quantity, oldAmount, newAmount }) => !(quantity.isZero() && oldAmount.isZero() && newAmount.isZero()),
  )
}

/** By how much COGS changes. */
export function deltaOf({ oldAmount, newAmount }: Pick<Adjustment, 'oldAmount' | 'newAmount'>): Decimal {
  return newAmount.minus(oldAmount)
}

function isWithin({ startNano, badTime }: ModelCall, { from, to }: BackDatedPrice): boolean {
  const at = Number(startNano / NANOS_PER_MICRO)
  // A call whose time is not believed is priced at another one, which the book is asked for.
  return badTime || (from <= at && at < to)
}

function goesOver(
  from: UsedPrice,
  to: UsedPrice,
  price: BackDatedPrice,
  recordedAtOf: (priceRowId: string) => number | null,
): boolean {
  if (from.priceRowId === null || to.priceRowId === null || from.priceRowId === to.priceRowId) return false
  if (from.currency !== to.currency || !price.priceRowIds.has(to.priceRowId)) return false
  const recordedAt = recordedAtOf(from.priceRowId)
  return recordedAt !== null && recordedAt < price.recordedAt
}

function add(
  sums: Map<string, AdjustedQuantity>,
  proposalId: string,
  line: CostLine,
  after: UsedPrice,
): void {
  const { part, provider, model, tool, meter, serviceTier, quantity } = line
  const adjusted = {
    proposalId,
    part,
    provider,
    model,
    tool,
    meter,
    serviceTier,
    before: line.price!,
    after,
    quantity,
  }
  const name = quantityName(adjusted)
  const sum = sums.get(name)
  sums.set(name, sum ? { ...sum, quantity: sum.quantity.plus(quantity) } : adjusted)
}

function placeOf({ part, tool, meter, serviceTier }: CostLine): string {
  return nameOf(part, tool, meter, serviceTier)
}

function quantityName(of: AdjustedQuantity): string {
  const { proposalId, part, provider, model, tool, meter, serviceTier, before, after } = of
  return nameOf(
    proposalId,
    part,
    provider,
    model,
    tool,
    meter,
    serviceTier,
    before.priceRowId,
    after.priceRowId,
    after.discount?.id ?? null,
  )
}

/** Names an adjustment: all of one name add up. */
function adjustmentName(of: Omit<Adjustment, 'quantity' | 'oldAmount' | 'newAmount'>): string {
  return quantityName(of as Adjustment) + nameOf(of.customer, of.product, of.agent)
}

function amountOf(quantity: Decimal, { unitPrice, per, discount }: UsedPrice): Decimal {
  const full = quantity.mul(unitPrice)
  return toMoneyScale((discount ? full.mul(discountFactor(discount.pct)) : full).div(per))
}

function minus(adjustment: Adjustment, before: Adjustment): Adjustment {
  return {
    ...adjustment,
    quantity: adjustment.quantity.minus(before.quantity),
    oldAmount: adjustment.oldAmount.minus(before.oldAmount),
    newAmount: adjustment.newAmount.minus(before.newAmount),
  }
}
