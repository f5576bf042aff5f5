import type { Assembly, ModelCall, ToolCall } from '../../core/assembly.ts'
import type { Part } from '../../core/event.ts'
import type { SpanId } from '../../core/ids.ts'
import { Decimal, QUANTITY_SCALE, toMoneyScale, ZERO } from '../../core/money.ts'
import type { CostMeter, FeeBasis } from '../../core/price.ts'
import type { UnixNano } from '../../core/time.ts'
import { inputTokens, REPORTED_COST_MAX } from '../../core/usage.ts'
import { nameOf } from '../name.ts'
import type { FxRate } from '../prices/terms.ts'
import { type CostSink, CostSums, type Quantity } from './cost-sums.ts'
import { feesOf, GROUNDED_PROMPT, type MeteredQuantity, tokensOf } from './metered.ts'

/** The row a quantity is priced by. `priceRowId` is null for a tool of ours that costs nothing. */
export interface UsedPrice {
  readonly priceRowId: string | null
  readonly unitPrice: Decimal
  readonly per: Decimal
  readonly currency: string
  readonly contextFrom: number
  readonly feeBasis: FeeBasis
  /** A call is billed for so much at least, and in whole multiples of so much. */
  readonly minQuantity: Decimal | null
  readonly roundingQuantity: Decimal | null
  /** What was agreed to be taken off. */
  readonly discount?: { readonly id: string; readonly pct: Decimal } | null
  /** What a unit of the currency is worth in USD, where it is another one. */
  readonly fx?: FxRate | null
  /** The price is a share of what a window cost; of the line's whole quantity, and of no other. */
  readonly share?: { readonly quantity: Decimal; readonly amount: Decimal } | null
  /** Why the price cannot be used yet: a rate is missing, a window has not been spread. */
  readonly wants?: string | null
}

/** One quantity of one call, as the price book is asked for it. */
export interface CostQuestion {
  readonly provider: string | null
  readonly model: string | null
  readonly requestModel: string | null
  /** `reported`: whether the cost that the spans report is to count. */
  readonly meter: CostMeter | typeof REPORTED
  readonly serviceTier: string
  readonly region: string | null
  readonly inputTokens: number
  readonly at: UnixNano
}
export type PriceOf = (question: CostQuestion) => UsedPrice | null

/** The price an earlier revision booked for a quantity of a span; see `bookedName`. */
export type BookedPrices = ReadonlyMap<string, UsedPrice>

/** What of an event is costed together, of one meter of one model. */
export interface CostedQuantity {
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  /** A `CostMeter`, or a unit that no price row can speak of. */
  readonly meter: string
  readonly serviceTier: string
  readonly quantity: Decimal
}

/** What the provider charges for a quantity. `price` and `amount` null: unpriced. */
export interface CostLine extends CostedQuantity {
  readonly price: UsedPrice | null
  /** In USD. */
  readonly amount: Decimal | null
  /** In the currency of the price, where that is another one. */
  readonly native?: Decimal | null
  /** Of a line without a price: what it waits for, where that is known. */
  readonly wants?: string | null
  readonly spanIds: readonly SpanId[]
}

/** The meter of a line that says what spans report a call to have cost, in millionths. */
export const REPORTED = 'reported'

/** What stands for a price where a reported cost counts. */
export const AS_REPORTED: UsedPrice = {
  priceRowId: null,
  unitPrice: new Decimal(1),
  per: new Decimal(1_000_000),
  currency: 'USD',
  contextFrom: 0,
  feeBasis: 'call',
  minQuantity: null,
  roundingQuantity: null,
}

/** Our own tools cost a provider nothing, and neither does an answer given again. */
const FREE: UsedPrice = {
  priceRowId: null,
  unitPrice: ZERO,
  per: new Decimal(1),
  currency: 'USD',
  contextFrom: 0,
  feeBasis: 'call',
  minQuantity: null,
  roundingQuantity: null,
}

/**
 * What the calls and tools of an event cost us, one line per part, provider, model, tool, meter, tier and price row.
 *
 * Each call is priced at its start; one whose times are not believed at `recordedAt`, the instant of the revision.
 * What an earlier revision has booked keeps its price, whatever the book says by now. A call without usage makes no
 * line: it stands in the anomalies. A call whose reported cost counts has one line, with that.
 */
export function costCalls(
  assembly: Assembly,
  priceOf: PriceOf,
  recordedAt: UnixNano,
  booked: BookedPrices = new Map(),
): readonly CostLine[] {
  const lines = new CostSums()
  for (const call of assembly.calls) costInto(lines, call, priceOf, recordedAt, booked)
  const doubted = new Set(assembly.anomalies.filter((a) => a.kind === 'bad_time').map((a) => a.spanId))
  for (const tool of assembly.tools) {
    costTool(lines, tool, priceOf, recordedAt, doubted.has(tool.spanId), booked)
  }
  return lines.close()
}

/** One call of `costCalls`: its quantities go where they are added up, each at its price. */
export function costInto(
  lines: CostSink,
  call: ModelCall,
  priceOf: PriceOf,
  recordedAt: UnixNano,
  booked: BookedPrices = NOTHING_BOOKED,
): void {
  if (!call.metered) return
  if (!costAsReported(lines, call, priceOf, booked)) costCall(lines, call, priceOf, recordedAt, booked)
}

const NOTHING_BOOKED: BookedPrices = new Map()

/** What the price book makes of a call, whatever was reported. */
export function computedCost(
  call: ModelCall,
  priceOf: PriceOf,
  recordedAt: UnixNano,
  booked: BookedPrices = new Map(),
): readonly CostLine[] {
  const lines = new CostSums()
  costCall(lines, call, priceOf, recordedAt, booked)
  return lines.close()
}

/** What the spans of a call report that it cost; null where they do not, or where nobody was asked anew. */
export function reportedCost(call: ModelCall): Decimal | null {
  if (call.reportedCost === null || call.cacheHit) return null
  const cost = toMoneyScale(new Decimal(call.reportedCost))
  // What the receiver would not take today may be in the journal.
  return cost.isNegative() || cost.greaterThan(REPORTED_COST_MAX) ? null : cost
}

/** Names a quantity of a span in the books of earlier revisions. */
export function bookedName(
  spanId: SpanId,
  line: Pick<CostLine, 'provider' | 'model' | 'tool' | 'serviceTier' | 'meter'>,
): string {
  return nameOf(spanId, line.provider, line.model, line.tool, line.serviceTier, line.meter)
}

/** Names a line: two of one name are one line. */
export function costLineName(line: Omit<CostLine, 'quantity' | 'amount' | 'spanIds'>): string {
  const { part, provider, model, tool, meter, serviceTier, price } = line
  return nameOf(
    part,
    provider,
    model,
    tool,
    meter,
    serviceTier,
    price === null ? 'unpriced' : priceName(price),
  )
}

/** Names a price by the rows it is made of: the book's, the discount, the rate. */
export function priceName({ priceRowId, discount, fx }: UsedPrice): string {
  const row = priceRowId ?? 'free'
  return discount || fx ? `${row}/${discount?.id ?? ''}/${fx?.id ?? ''}` : row
}

/** A call that was costed by the price book stays so, whatever is decided later. */
function costAsReported(lines: CostSink, call: ModelCall, priceOf: PriceOf, booked: BookedPrices): boolean {
  const cost = reportedCost(call)
  if (cost === null) return false
  const { provider, model, requestModel, region } = call
  const serviceTier = tierOf(provider, call.serviceTier)
  const identity = { part: 'prompt' as const, provider, model, tool: null, meter: REPORTED, serviceTier }
  const isComputed =
    booked.size > 0 &&
    tokensOf(call).some(({ tool, meter }) => bookedPrice(booked, call.spanId, { ...identity, tool, meter }))
  const asked = { provider, model, requestModel, meter: REPORTED, serviceTier, region } as const
  const price =
    bookedPrice(booked, call.spanId, identity) ??
    (isComputed ? null : priceOf({ ...asked, inputTokens: 0, at: call.startNano }))
  if (price === null) return false
  const quantity = cost.mul(AS_REPORTED.per).toDecimalPlaces(QUANTITY_SCALE)
  lines.add({ ...identity, quantity }, call.spanId, AS_REPORTED)
  return true
}

function costCall(
  lines: CostSink,
  call: ModelCall,
  priceOf: PriceOf,
  recordedAt: UnixNano,
  booked: BookedPrices,
): void {
  const serviceTier = tierOf(call.provider, call.serviceTier)
  const input = inputTokens(call.buckets)
  const ask = (meter: CostMeter) =>
    priceOf({
      provider: call.provider,
      model: call.model,
      requestModel: call.requestModel,
      meter,
      serviceTier,
      region: call.region,
      inputTokens: input,
      at: call.badTime ? recordedAt : call.startNano,
    })
  const cost = (metered: MeteredQuantity) => {
    const { part, tool, meter } = metered
    const identity = { part, provider: call.provider, model: call.model, tool, meter, serviceTier }
    const fresh = metered.askable && !call.cacheHit ? askFor(meter, ask) : null
    const price = call.cacheHit ? FREE : keep(charged(bookedPrice(booked, call.spanId, identity)), fresh)
    const quantity = price === null ? metered.quantity : billedQuantity(metered, price)
    if (quantity === null) lines.add({ ...identity, quantity: metered.quantity }, call.spanId, null)
    else lines.add({ ...identity, quantity }, call.spanId, price)
  }
  for (const metered of tokensOf(call)) cost(metered)
  for (const metered of feesOf(call)) cost(metered)
  // A fee per request is rare: only a model with such a row has the line.
  const request = { part: 'prompt', tool: null, meter: 'request', quantity: 1 } as const
  const identity = { provider: call.provider, model: call.model, serviceTier, ...request }
  const fee = call.cacheHit ? null : keep(charged(bookedPrice(booked, call.spanId, identity)), ask('request'))
  if (fee) lines.add(identity, call.spanId, call.granularity === 'wrapper' ? null : fee)
}

/** By the call, by the second of its duration, or both. How long a tool ran whose times are not believed is not known. */
function costTool(
  lines: CostSink,
  tool: ToolCall,
  priceOf: PriceOf,
  recordedAt: UnixNano,
  isDoubted: boolean,
  booked: BookedPrices,
): void {
  const serviceTier = STANDARD
  const identity = { part: 'tools' as const, provider: null, model: null, tool: tool.name, serviceTier }
  const question = {
    provider: 'tool',
    model: tool.name,
    requestModel: null,
    region: null,
    inputTokens: 0,
    at: isDoubted ? recordedAt : tool.startNano,
  }
  const find = (meter: 'tool_call' | 'tool_second', otherwise: UsedPrice | null) => {
    const fresh = priceOf({ ...question, meter, serviceTier })
    return keep(bookedPrice(booked, tool.spanId, { ...identity, meter }), fresh ?? otherwise)
  }
  const bySecond = find('tool_second', null)
  // The provider runs `extension` tools and bills them; all others run in the agent's own process.
  const byCall = find('tool_call', tool.type === 'extension' && bySecond === null ? null : FREE)
  lines.add({ ...identity, meter: 'tool_call', quantity: 1 }, tool.spanId, byCall)
  if (bySecond === null) return
  const duration = isDoubted ? null : new Decimal(String(tool.endNano - tool.startNano)).div(NANOS_PER_SECOND)
  const seconds = duration && billedQuantity({ quantity: duration, requests: ONE }, bySecond)
  const line = { ...identity, meter: 'tool_second', quantity: seconds ?? ZERO }
  lines.add(line, tool.spanId, seconds === null ? null : bySecond)
}

const ONE = new Decimal(1)
const NANOS_PER_SECOND = 1_000_000_000

/** Grounded prompts are billed by the price of web searches, where that is one per request. */
function askFor(meter: string, ask: (meter: CostMeter) => UsedPrice | null): UsedPrice | null {
  if (meter !== GROUNDED_PROMPT) return ask(meter as CostMeter)
  const price = ask('web_search')
  return price?.feeBasis === 'request' ? price : null
}

/** What a price is multiplied by: the requests or the things, rounded as the provider does. Null: that is not known. */
function billedQuantity(
  { quantity, requests }: Pick<MeteredQuantity, 'quantity' | 'requests'>,
  { feeBasis, minQuantity, roundingQuantity }: UsedPrice,
): Quantity | null {
  const counted = feeBasis === 'request' ? requests : quantity
  if (counted === null || (minQuantity === null && roundingQuantity === null)) return counted
  const exact = new Decimal(counted)
  const rounded = roundingQuantity ? exact.div(roundingQuantity).ceil().mul(roundingQuantity) : exact
  return minQuantity?.greaterThan(rounded) ? minQuantity : rounded
}

/** Most events are rated once: no name is made where nothing is booked. */
function bookedPrice(
  booked: BookedPrices,
  spanId: SpanId,
  line: Parameters<typeof bookedName>[1],
): UsedPrice | undefined {
  return booked.size === 0 ? undefined : booked.get(bookedName(spanId, line))
}

/**
 * A call that was taken for an answer given again, and is none by what is known now, has no price yet. A share is of
 * the window as it was spread last.
 */
function charged(booked: UsedPrice | undefined): UsedPrice | undefined {
  return booked?.priceRowId === null || booked?.share ? undefined : booked
}

/** The booked price, unless the usage itself was corrected across a context threshold. */
function keep(booked: UsedPrice | undefined, fresh: UsedPrice | null): UsedPrice | null {
  return booked && (fresh === null || fresh.contextFrom === booked.contextFrom) ? booked : fresh
}

/** Names under which providers serve at the ordinary price. */
const STANDARD = 'standard'
const STANDARD_TIERS: ReadonlySet<string> = new Set(['', STANDARD, 'default', 'on_demand'])

/** The tier as price rows name it. OpenAI's priority is called fast since 2026-07-30; both names are in use. */
function tierOf(provider: string | null, serviceTier: string | null): string {
  const tier = (serviceTier ?? '').toLowerCase()
  if (STANDARD_TIERS.has(tier)) return STANDARD
  return tier === 'fast' && OPENAI_HOSTS.has(provider ?? '') ? 'priority' : tier
}

const OPENAI_HOSTS: ReadonlySet<string> = new Set(['openai', 'azure.ai.openai'])
