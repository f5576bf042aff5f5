import { type EventStatus, PARTS, type Part } from '../core/event.ts'
import { Decimal, decimalText, percentOf, toMoneyScale, trimNumeric } from '../core/money.ts'
import type { BillableEvent, StackPart } from './event-fields.ts'
import { pricesIn } from './event-prices.ts'
import { type Known, modelsOf, moneyOf, toolsOf, total } from './event-shares.ts'
import { millisBetween, rfc3339OfDatabase } from './instant.ts'
import type { EventDetails, StackLine } from './queries/event-details.ts'
import type { EventHead } from './queries/event-pages.ts'

/**
 * A billable event as the API shows it. Pure.
 *
 * Cost and price are told only where they are known: cogs is null while something is unpriced or the newest revision is
 * not rated, with what is known in `cogs_known`; price is null without a customer on a plan, and while a cost is unknown
 * that the plan charges, with the rest in `price_known`; margin needs both. What back-dated prices make of cogs stands
 * beside them and counts in the margin. All amounts are in `currency`, but for what could not be given back when the
 * event went over to it; without a rate of it nothing is known of cost or margin.
 */
export function billableEvent(head: EventHead, inUsd: EventDetails, isDifference: boolean): BillableEvent {
  const rate = rateOf(head)
  const { details: priced, others } = pricesIn(inUsd, head.currency)
  const details = inCurrency(priced, rate)
  const { sums } = details
  const status: EventStatus = head.status ?? 'pending'
  const isCostKnown = status !== 'pending' && head.unpriced === false
  const isPriceKnown = status !== 'pending' && status !== 'unattributed'
  const known = {
    rated: status !== 'pending' && rate !== 'unknown',
    allCosts: head.unpriced === false,
    price: isPriceKnown,
  }
  const cogs = isCostKnown && rate !== 'unknown' ? new Decimal(sums.cogs ?? 0) : null
  const isCharged = isPriceKnown && sums.price !== null
  const isComplete = head.uncharged !== true
  const price = isCharged && isComplete ? new Decimal(sums.price!) : null
  const adjustment = new Decimal(sums.cogsAdjustment ?? 0)
  const revenue = others.length === 0 ? price : price && revenueIn(details, rate)
  const margin = cogs && revenue ? revenue.minus(cogs).minus(adjustment) : null
  const startedAt = rfc3339OfDatabase(head.startedAt)
  const endedAt = rfc3339OfDatabase(head.endedAt)
  return {
    event_id: head.eventId,
    trace_id: head.traceId,
    trace_ids: head.isJoined ? [...head.traceIds] : [head.traceId],
    revision: head.revision,
    ...(isDifference && { difference: true }),
    cut_reason: head.cutReason,
    status,
    customer: head.customer,
    product: head.product,
    agent: head.agent,
    session: head.session,
    time: rfc3339OfDatabase(head.time),
    started_at: startedAt,
    ended_at: endedAt,
    duration_ms: millisBetween(startedAt, endedAt),
    model_calls: Number(sums.modelCalls),
    unmetered_calls: Number(sums.unmeteredCalls),
    tool_calls: Number(sums.toolCalls),
    reasoning_steps: Number(sums.reasoningSteps),
    usage: {
      input_tokens: sums.inputTokens,
      cache_read_tokens: sums.cacheReadTokens,
      cache_write_tokens: sums.cacheWriteTokens,
      output_tokens: sums.outputTokens,
      reasoning_tokens: sums.reasoningTokens,
      embedding_tokens: sums.embeddingTokens,
    },
    stack: stackOf(details, known),
    models: modelsOf(details, known),
    tools: toolsOf(details, head.tools, known),
    cogs: cogs?.toFixed() ?? null,
    ...(cogs === null && { cogs_known: trimNumeric(sums.cogs ?? '0') }),
    ...(!adjustment.isZero() && { cogs_adjustment: adjustment.toFixed() }),
    ...(sums.reportedCogs !== null && {
      cogs_reported: trimNumeric(sums.reportedCogs),
      cogs_computed: trimNumeric(sums.computedCogs ?? '0'),
    }),
    price: price?.toFixed() ?? null,
    ...(isCharged && !isComplete && { price_known: trimNumeric(sums.price!) }),
    ...(others.length > 0 && { other_prices: [...others] }),
    margin: margin?.toFixed() ?? null,
    margin_pct: margin && revenue ? percentOf(margin, revenue) : null,
    currency: head.currency,
    ...(head.currency !== null &&
      head.currency !== 'USD' && {
        cogs_usd: isCostKnown ? trimNumeric(inUsd.sums.cogs ?? '0') : null,
        fx_usd: head.fxUsd && trimNumeric(head.fxUsd),
        fx_rate_id: head.fxRateId,
      }),
    credits: isPriceKnown && isComplete && sums.credits !== null ? trimNumeric(sums.credits) : null,
    ...(isCharged && !isComplete && sums.credits !== null && { credits_known: trimNumeric(sums.credits) }),
    plan: head.planId === null ? null : { plan_id: head.planId, version: head.planVersion! },
    anomalies: anomaliesOf(head, details),
    span_ids: [...head.spanIds],
  }
}

/** What an event is charged in all its currencies, in that of its price; null where some of it has no rate. */
function revenueIn({ sums, lines }: EventDetails, rate: Decimal | 'unknown' | null): Decimal | null {
  if (rate === 'unknown' || lines.some((line) => Number(line.unconverted) !== 0)) return null
  const usd = new Decimal(sums.priceUsd ?? 0)
  return rate === null ? usd : toMoneyScale(usd.div(rate))
}

/** What a unit of the event's currency is worth in USD; null where it is USD. */
function rateOf({ currency, fxUsd }: EventHead): Decimal | 'unknown' | null {
  if (currency === null || currency === 'USD') return null
  return fxUsd === null ? 'unknown' : new Decimal(fxUsd)
}

/**
 * COGS are kept in USD and told in the currency of the price, by the rate that the event was rated by. Each line is
 * rounded by itself and everything else adds these up, so that the parts make the whole to the last digit.
 */
function inCurrency(details: EventDetails, rate: Decimal | 'unknown' | null): EventDetails {
  if (rate === null) return details
  const worth = (usd: string) =>
    rate === 'unknown' ? '0' : decimalText(toMoneyScale(new Decimal(usd).div(rate)))
  const lines = details.lines.map((line) => ({ ...line, cogs: worth(line.cogs) }))
  const { cogs, reportedCogs, computedCogs, cogsAdjustment } = details.sums
  const sums = {
    ...details.sums,
    cogs: cogs && total(lines.map((line) => line.cogs)).toFixed(),
    reportedCogs: reportedCogs && worth(reportedCogs),
    computedCogs: computedCogs && worth(computedCogs),
    cogsAdjustment: cogsAdjustment && worth(cogsAdjustment),
  }
  return { ...details, sums, lines }
}

const UNITS = { prompt: 'token', reasoning: 'step', tools: 'call', output: 'token' } as const

/** The four parts in their order, whether or not there is anything in them; `other` by unit where there is. */
function stackOf(details: EventDetails, known: Known): StackPart[] {
  const { sums, lines } = details
  // Before the rating there are no lines, but the cut has counted already.
  const counted: Record<keyof typeof UNITS, Decimal> = {
    prompt: new Decimal(sums.inputTokens).plus(sums.embeddingTokens),
    reasoning: new Decimal(sums.reasoningSteps),
    tools: new Decimal(sums.toolCalls),
    output: new Decimal(sums.outputTokens),
  }
  const stack: StackPart[] = []
  for (const part of PARTS) {
    const ofPart = lines.filter((line) => line.part === part)
    if (part !== 'other') {
      stack.push(stackPart(part, UNITS[part], counted[part], ofPart, details, known))
      continue
    }
    for (const [unit, ofUnit] of Map.groupBy(ofPart, (line) => line.unit)) {
      const quantity = total(ofUnit.map((line) => line.quantity))
      if (quantity.isZero() && total(ofUnit.map((line) => line.price)).isZero()) continue
      stack.push(stackPart(part, unit, quantity, ofUnit, details, known))
    }
  }
  return stack
}

function stackPart(
  part: Part,
  unit: string,
  quantity: Decimal,
  lines: readonly StackLine[],
  details: EventDetails,
  known: Known,
): StackPart {
  const costs = details.costs.filter((cost) => cost.part === part)
  return { part, quantity: quantity.toFixed(), unit, ...moneyOf(lines, costs, known) }
}

/** Of a revision's assembly, and what the rating found missing; both may say that nobody is named. Each once. */
function anomaliesOf(head: EventHead, details: EventDetails): BillableEvent['anomalies'] {
  const anomalies = [...head.anomalies, ...details.openExceptions].map(({ kind, spanId, reason }) => ({
    kind,
    span_id: spanId || null,
    reason,
  }))
  return [...new Map(anomalies.map((anomaly) => [JSON.stringify(anomaly), anomaly])).values()]
}
