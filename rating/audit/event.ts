import type { AuditCheck, AuditReport } from '../../core/audit.ts'
import { decimalText } from '../../core/money.ts'
import { REPORTED } from '../costs/cost.ts'
import { bookedPriceOf, settledCosts } from '../costs/settled-costs.ts'
import type { ChargeStep, LockedCounters } from '../counters.ts'
import { NO_PRICES, type Prices } from '../pricing.ts'
import { type EventMaterial, isUnpriced, prepareEvent, type RatedEvent, settleEvent } from '../rate-event.ts'
import type { StoredRating } from './rated-events.ts'

/** What an event's books are compared with. */
export interface EventBooks {
  readonly rating: StoredRating
  readonly material: EventMaterial
  /** Prices as the book has them now: only asked where the booked ones do not explain the lines. */
  readonly priceNow: () => Promise<Prices>
  /** Counters of which none is locked. */
  readonly noCounters: LockedCounters
}

/** An event that was rated once more. */
export interface RatedAgain {
  readonly rated: RatedEvent
  /** What its price lines lack. */
  readonly lacking: readonly ChargeStep[]
  /** Whether some of its cost is what the spans reported: then the computed cost is not booked. */
  readonly asReported: boolean
}

/**
 * Rates an event once more, at the prices and by the plan that are booked. Nothing may be left to write: each line
 * that is left is a gap.
 */
export async function compareBooks(books: EventBooks, report: AuditReport): Promise<RatedAgain> {
  const { rating, material } = books
  const { booked } = material
  const about = { kind: 'event', tenantId: rating.tenantId, id: rating.eventId }
  const gap = (check: AuditCheck, found: string) => report.gap(check, { ...about, found })
  const again = await rateAgain(books)
  const { rated, lacking, asReported } = again
  for (const line of rated.costLines.slice(0, 1)) {
    const amount = line.amount === null ? 'an unknown amount' : decimalText(line.amount)
    gap('cost_lines', `lacks ${decimalText(line.quantity)} of ${words(line, line.meter)} for ${amount}`)
  }
  for (const step of lacking.slice(0, 1)) {
    const { planId, planVersion, meterNo } = step.counter
    const of = `meter ${meterNo} (${step.meter}) of plan ${planId} version ${planVersion}`
    gap('price_lines', `lacks ${decimalText(step.quantity)} of ${of}`)
  }
  for (const line of rated.stackLines.slice(0, 1)) {
    const numbers = [line.quantity, line.cogs, line.price].map(decimalText).join(', ')
    const unknown = `${line.unpriced} without cost, ${line.uncharged} without price`
    const counts = `${line.calls} calls, ${line.unpricedCalls} unpriced, ${unknown}`
    const of = words(line, line.part, line.customer)
    gap('event_lines', `lacks ${of}: quantity, COGS, price ${numbers}, ${counts}`)
  }
  for (const found of ratingFaults(rating, rated, asReported)) gap('ratings', found)
  report.count('cost_lines', booked.costs.length)
  report.count('price_lines', booked.charges.length)
  report.count('event_lines', booked.stack.length)
  report.count('ratings', 1)
  return again
}

function* ratingFaults(rating: StoredRating, rated: RatedEvent, asReported: boolean): Generator<string> {
  const { attribution, costs, credits, status, reportedCogs, computedCogs } = rated
  if (status !== rating.status) yield `has status ${rating.status}, and is ${status}`
  if (isUnpriced(costs) !== rating.unpriced) yield `says unpriced is ${rating.unpriced}`
  if (rated.uncharged.size > 0 !== rating.uncharged) yield `says uncharged is ${rating.uncharged}`
  if (credits?.isZero() === false) yield `lacks ${decimalText(credits)} credits`
  if (reportedCogs?.isZero() === false) yield `lacks ${decimalText(reportedCogs)} of reported COGS`
  if (!asReported && computedCogs?.isZero() === false)
    yield `lacks ${decimalText(computedCogs)} of computed COGS`
  const currency = typeof attribution === 'string' ? null : attribution.plan.currency
  if (currency !== rating.currency) yield `is in ${rating.currency}, not ${currency}`
}

/** The first of three that explains the lines: the price of each span, that of each model and meter, the book's. */
async function rateAgain({ rating, material, priceNow, noCounters }: EventBooks): Promise<RatedAgain> {
  const { booked } = material
  const costs = rating.revision === 0 ? booked.costs : settledCosts(booked.costs)
  const settled = { ...material, booked: { ...booked, costs } }
  const asReported = costs.some(({ meter }) => meter === REPORTED)
  const rate = (prices: Prices): RatedAgain => {
    const prepared = prepareEvent(settled, prices)
    // What is lacking is told; the counters are not to be moved for it.
    return { rated: settleEvent({ ...prepared, steps: [] }, noCounters), lacking: prepared.steps, asReported }
  }
  const explains = ({ rated }: RatedAgain) => rated.costLines.length === 0
  const first = rate(NO_PRICES)
  const second = explains(first) ? first : rate({ ...NO_PRICES, priceOf: bookedPriceOf(costs) })
  // Why something is unpriced only the book can say: it may know a price that waits for a rate.
  if (explains(second) && !isUnpriced(second.rated.costs)) return second
  const third = rate(await priceNow())
  return explains(third) ? third : second
}

function words(
  { provider, model, tool }: { provider: string | null; model: string | null; tool: string | null },
  ...more: readonly (string | null)[]
): string {
  return [provider, model, tool, ...more].filter((word) => word !== null).join('/')
}
