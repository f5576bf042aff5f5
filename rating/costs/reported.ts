import type { Assembly, ModelCall } from '../../core/assembly.ts'
import type { SpanId } from '../../core/ids.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { UnixNano } from '../../core/time.ts'
import { nameOf } from '../name.ts'
import { type BookedPrices, computedCost, type PriceOf, reportedCost } from './cost.ts'

/** What the calls of one model that report a cost report, beside what the price book makes of the same calls. */
export interface ReportedCost {
  readonly provider: string | null
  readonly model: string | null
  readonly spanIds: readonly SpanId[]
  readonly reported: Decimal
  /** As far as it is known. */
  readonly computed: Decimal
  /** Null where the price book does not know all of it. */
  readonly drift: 'reported_above' | 'reported_below' | null
}

/** Share of the computed cost by which a reported one may differ. */
const DRIFT_MAX = new Decimal('0.005')
/** A reported cost is rounded; what rounding to a millionth can explain is no drift. */
const ROUNDING_MAX = new Decimal('0.0000005')

/** Compares, by provider and model. */
export function compareReported(
  assembly: Assembly,
  priceOf: PriceOf,
  recordedAt: UnixNano,
  booked: BookedPrices,
): readonly ReportedCost[] {
  const told = assembly.calls.filter((call) => call.metered && reportedCost(call) !== null)
  const groups = Map.groupBy(told, (call) => nameOf(call.provider, call.model))
  return [...groups.values()].map((calls) => compareCalls(calls, priceOf, recordedAt, booked))
}

function compareCalls(
  calls: readonly ModelCall[],
  priceOf: PriceOf,
  recordedAt: UnixNano,
  booked: BookedPrices,
): ReportedCost {
  let [reported, computed, rounding] = [ZERO, ZERO, ZERO]
  let isKnown = true
  for (const call of calls) {
    const cost = reportedCost(call) ?? ZERO
    reported = reported.plus(cost)
    rounding = rounding.plus(roundingOf(cost))
    for (const { amount } of computedCost(call, priceOf, recordedAt, booked)) {
      if (amount === null) isKnown = false
      else computed = computed.plus(amount)
    }
  }
  const { provider, model } = calls[0]!
  const isDrift = reported.minus(computed).abs().greaterThan(computed.mul(DRIFT_MAX).plus(rounding))
  return {
    provider,
    model,
    spanIds: calls.map((call) => call.spanId),
    reported,
    computed,
    drift: !isKnown || !isDrift ? null : reported.greaterThan(computed) ? 'reported_above' : 'reported_below',
  }
}

function roundingOf(cost: Decimal): Decimal {
  const lastDigit = new Decimal(10).pow(-cost.decimalPlaces())
  return Decimal.min(lastDigit.div(2), ROUNDING_MAX)
}
