import type { AuditCheck, AuditReport } from '../../core/audit.ts'
import { decimalText } from '../../core/money.ts'
import type { PriceOf } from '../cost.ts'
import type { LockedCounters } from '../counters.ts'
import { costDifference } from '../difference.ts'
import {
  type EventOffer,
  isUnpriced,
  type PreparedEvent,
  prepareEvent,
  type RatedEvent,
  settleEvent,
} from '../rate-event.ts'
import type { StoredRating } from './rated-events.ts'
import { bookedPriceOf, settledCosts } from './settled-costs.ts'

/** What an event's books are compared with. */
export interface EventBooks {
  readonly rating: StoredRating
  readonly offer: EventOffer
  /** Prices as the book has them now: only asked where the booked ones do not explain the lines. */
  readonly priceNow: () => Promise<PriceOf>
  /** Counters of which none is locked. */
  readonly noCounters: LockedCounters
}

/**
 * Rates an event once more, at the prices and by the plan that are booked. Nothing may be left to write: each line
 * that is left is a gap.
 * @returns the event as it is rated
 */
export async function compareBooks(books: EventBooks, report: AuditReport): Promise<RatedEvent> {
  const { rating, noCounters } = books
  const offer = {
    ...books.offer,
    booked: { ...books.offer.booked, costs: settledCosts(books.offer.booked.costs) },
  }
  const { booked } = offer
  const about = { kind: 'event', tenantId: rating.tenantId, id: rating.eventId }
  const gap = (check: AuditCheck, found: string) => report.gap(check, { ...about, found })
  const prepared = await preparedAt(offer, books.priceNow)
  for (const line of costDifference(prepared.costs, booked.costs).slice(0, 1)) {
    const amount = line.amount === null ? 'an unknown amount' : decimalText(line.amount)
    const of = [line.provider, line.model, line.tool, line.meter].filter((word) => word !== null).join('/')
    gap('cost_lines', `lacks ${decimalText(line.quantity)} of ${of} for ${amount}`)
  }
  for (const step of prepared.steps.slice(0, 1)) {
    const { planId, planVersion, meterNo } = step.counter
    const of = `meter ${meterNo} (${step.meter}) of plan ${planId} version ${planVersion}`
    gap('price_lines', `lacks ${decimalText(step.quantity)} of ${of}`)
  }
  // What is lacking is told; the counters are not to be moved for it.
  const rated = settleEvent({ ...prepared, steps: [] }, noCounters)
  for (const line of rated.stackLines.slice(0, 1)) {
    const numbers = [line.quantity, line.cogs, line.price].map(decimalText).join(', ')
    const of = [line.part, line.provider, line.model, line.tool, line.customer]
    const counts = `${line.calls} calls, ${line.unpricedCalls} unpriced`
    gap(
      'event_lines',
      `lacks ${of.filter((word) => word !== null).join('/')}: quantity, COGS, price ${numbers}, ${counts}`,
    )
  }
  if (rated.status !== rating.status) gap('ratings', `has status ${rating.status}, and is ${rated.status}`)
  if (isUnpriced(prepared.costs) !== rating.unpriced) gap('ratings', `says unpriced is ${rating.unpriced}`)
  if (rated.credits?.isZero() === false) gap('ratings', `lacks ${decimalText(rated.credits)} credits`)
  const currency = typeof offer.attribution === 'string' ? null : offer.attribution.plan.currency
  if (currency !== rating.currency) gap('ratings', `is in ${rating.currency}, not ${currency}`)
  report.count('cost_lines', booked.costs.length)
  report.count('price_lines', booked.charges.length)
  report.count('event_lines', booked.stack.length)
  report.count('ratings', 1)
  return rated
}

/** The first of three that explains the lines: the price of each span, that of each model and meter, the book's. */
async function preparedAt(offer: EventOffer, priceNow: () => Promise<PriceOf>): Promise<PreparedEvent> {
  const first = prepareEvent(offer, () => null)
  if (isExplained(first)) return first
  const second = prepareEvent(offer, bookedPriceOf(offer.booked.costs))
  if (isExplained(second)) return second
  const third = prepareEvent(offer, await priceNow())
  return isExplained(third) ? third : second
}

function isExplained({ costs, booked }: PreparedEvent): boolean {
  return costDifference(costs, booked.costs).length === 0
}
