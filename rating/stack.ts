import type { Assembly } from '../core/assembly.ts'
import type { Part } from '../core/event.ts'
import type { SpanId } from '../core/ids.ts'
import { Decimal, ZERO } from '../core/money.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import { ByNames } from './by-names.ts'
import type { CostLine } from './costs/cost.ts'

/** One line of an event's stack: what was used, what it cost us, what the customer pays. */
export interface StackLine extends StackPlace {
  readonly quantity: Decimal
  /** Model calls and those of them with an unknown cost; on the prompt line of their model only. */
  readonly calls: number
  readonly unpricedCalls: number
  /** In USD. */
  readonly cogs: Decimal
  /** In the currency that the event is priced in: charges in another one are told by `priceUsd` alone. */
  readonly price: Decimal
  /** All charges in USD; null: `price` is in USD, and there are no others. */
  readonly priceUsd: Decimal | null
  /** 1 where some of the price is in a currency without a rate, of which `priceUsd` says nothing. */
  readonly unconverted: number
  /** 1 where some cost is unknown, of which `cogs` says nothing. */
  readonly unpriced: number
  /** 1 where the plan charges such a cost, of which `price` says nothing. */
  readonly uncharged: number
}

/** What a charge is to its event: whether it is in the currency of its price, and its worth in USD. */
export interface ChargeWorth {
  readonly isOwn: boolean
  /** Null where nobody has said. */
  readonly usd: Decimal | null
}

export type WorthOf = (charge: StackCharge) => ChargeWorth

/** What of a place tells models and tools apart. */
interface Subject {
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
}

/** Where a line stands. Two lines of one place are one line. */
export interface StackPlace extends Subject {
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  readonly part: Part
  readonly unit: string
}

/** A price as the stack shows it: all that the event was ever charged under one meter, model and tool. */
export interface StackCharge {
  readonly customer: string
  readonly counter: { readonly planId: string; readonly planVersion: number }
  readonly meter: string
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: Decimal
  readonly amount: Decimal
}

const UNITS: Readonly<Record<Exclude<Part, 'other'>, string>> = {
  prompt: 'token',
  reasoning: 'step',
  tools: 'call',
  output: 'token',
}

/**
 * The whole stack of an event. Σ cogs is its known cost, Σ price the sum of its charges in the currency of its price.
 * @param worthOf null where all charges are in USD
 * @param uncharged those of the costs that the plan charges once they are known
 */
export function stackOf(
  assembly: Assembly,
  scope: Pick<StackPlace, 'customer' | 'product' | 'agent'>,
  costs: readonly CostLine[],
  charges: readonly StackCharge[],
  worthOf: WorthOf | null = null,
  uncharged: ReadonlySet<CostLine> = NO_COSTS,
): readonly StackLine[] {
  const { product, agent } = scope
  const lines = new OpenLines()
  const at = (part: Part, of: Subject, unit: string, customer = scope.customer) =>
    lines.at(of, part, unit, customer, product, agent)
  const unpriced = unpricedSpans(costs)
  let steps = 0
  for (const call of assembly.calls) {
    const model: Subject = { provider: call.provider, model: call.model, tool: null }
    const prompt = at('prompt', model, UNITS.prompt)
    prompt.calls += 1
    if (unpriced.has(call.spanId)) prompt.unpricedCalls += 1
    prompt.count += inputTokens(call.buckets)
    const output = outputTokens(call.buckets)
    if (output > 0) at('output', model, UNITS.output).count += output
    if (call.reasoningSteps > 0) at('reasoning', model, UNITS.reasoning).count += call.reasoningSteps
    steps += call.reasoningSteps
  }
  if (assembly.reasoningSteps > steps) {
    at('reasoning', NOBODY, UNITS.reasoning).count += assembly.reasoningSteps - steps
  }
  for (const { name } of assembly.tools) {
    at('tools', { provider: null, model: null, tool: name }, UNITS.tools).count += 1
  }
  for (const cost of costs) {
    if (!cost.amount && cost.price !== null) continue
    const line = at(cost.part, cost, unitOf(cost.part, ''))
    if (cost.amount) add(line, 'cogs', cost.amount)
    if (cost.price === null) line.unpriced = 1
    if (uncharged.has(cost)) line.uncharged = 1
  }
  for (const charge of charges) {
    const line = at(charge.part, charge, unitOf(charge.part, charge.meter), charge.customer)
    const worth = worthOf?.(charge)
    if (worth?.isOwn !== false) add(line, 'price', charge.amount)
    if (worth) {
      const { usd } = worth
      line.priceUsd = (line.priceUsd ?? ZERO).plus(usd ?? ZERO)
      if (usd === null) line.unconverted = 1
    }
    if (charge.part === 'other') add(line, 'quantity', charge.quantity)
  }
  return lines.all.sort(byPlace).map(closed)
}

/** Nearly always there are none. */
function unpricedSpans(costs: readonly CostLine[]): ReadonlySet<SpanId> {
  const spans = new Set<SpanId>()
  for (const line of costs) if (line.price === null) for (const spanId of line.spanIds) spans.add(spanId)
  return spans
}

const NO_COSTS: ReadonlySet<CostLine> = new Set()

const NOBODY: Subject = { provider: null, model: null, tool: null }

function unitOf(part: Part, meter: string): string {
  return part === 'other' ? meter : UNITS[part]
}

/** The lines to write so that those of all revisions together are `desired`. */
export function stackDifference(
  desired: readonly StackLine[],
  booked: readonly StackLine[],
): readonly StackLine[] {
  if (booked.length === 0) return desired.filter(saysSomething)
  const lines = new OpenLines()
  // Once some of the event was charged in another currency, every difference says its worth.
  const isForeign = [...desired, ...booked].some((line) => line.priceUsd !== null)
  for (const [sign, given] of [[1, desired] as const, [-1, booked] as const]) {
    for (const line of given) {
      const sum = lines.at(line, line.part, line.unit, line.customer, line.product, line.agent)
      sum.calls += sign * line.calls
      sum.unpricedCalls += sign * line.unpricedCalls
      sum.unconverted += sign * line.unconverted
      sum.unpriced += sign * line.unpriced
      sum.uncharged += sign * line.uncharged
      // To multiply by the sign would make one more number of each, which is most of what this costs.
      const moved = sign === 1 ? sumOf : differenceOf
      if (isForeign) sum.priceUsd = moved(sum.priceUsd ?? ZERO, line.priceUsd ?? line.price)
      for (const field of ['quantity', 'cogs', 'price'] as const) sum[field] = moved(sum[field], line[field])
    }
  }
  return lines.all.map(closed).filter(saysSomething)
}

function saysSomething(line: StackLine): boolean {
  return (
    line.calls !== 0 ||
    line.unpricedCalls !== 0 ||
    !line.quantity.isZero() ||
    !line.cogs.isZero() ||
    !line.price.isZero() ||
    line.unconverted !== 0 ||
    line.unpriced !== 0 ||
    line.uncharged !== 0 ||
    line.priceUsd?.isZero() === false
  )
}

/** A line that is being added up. `count` is the part of its quantity that comes as whole numbers. */
type OpenLine = { -readonly [field in keyof StackLine]: StackLine[field] } & { count: number }

/** Lines that are being added up, in the order in which they were begun. */
class OpenLines {
  readonly all: OpenLine[] = []
  readonly #subjects = new ByNames<OpenLine[]>(() => [])

  at(
    { provider, model, tool }: Subject,
    part: Part,
    unit: string,
    customer: string | null,
    product: string | null,
    agent: string | null,
  ): OpenLine {
    const own = this.#subjects.of(provider, model, tool)
    for (const line of own) {
      if (line.part !== part || line.unit !== unit || line.customer !== customer) continue
      if (line.product === product && line.agent === agent) return line
    }
    const place = { customer, product, agent, part, provider, model, tool, unit }
    const counts = { count: 0, calls: 0, unpricedCalls: 0, unconverted: 0, unpriced: 0, uncharged: 0 }
    const line: OpenLine = { ...place, ...counts, quantity: ZERO, cogs: ZERO, price: ZERO, priceUsd: null }
    own.push(line)
    this.all.push(line)
    return line
  }
}

/** An order of places that does not depend on what came first. */
function byPlace(a: StackPlace, b: StackPlace): number {
  return (
    compare(a.part, b.part) ||
    compare(a.provider, b.provider) ||
    compare(a.model, b.model) ||
    compare(a.tool, b.tool) ||
    compare(a.unit, b.unit) ||
    compare(a.customer, b.customer) ||
    compare(a.product, b.product) ||
    compare(a.agent, b.agent)
  )
}

/** Nothing comes behind everything. */
function compare(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? 1 : -1
  return a < b ? -1 : 1
}

/** Field by field: taking one out of many costs more than all the sums of the line. */
function closed(line: OpenLine): StackLine {
  const { customer, product, agent, part, provider, model, tool, unit } = line
  const { count, calls, unpricedCalls, cogs, price, priceUsd, unconverted, unpriced, uncharged } = line
  const quantity = count === 0 ? line.quantity : sumOf(line.quantity, new Decimal(count))
  const place = { customer, product, agent, part, provider, model, tool, unit }
  const unknown = { unconverted, unpriced, uncharged }
  return { ...place, quantity, calls, unpricedCalls, cogs, price, priceUsd, ...unknown }
}

function add(line: OpenLine, field: 'quantity' | 'cogs' | 'price', amount: Decimal): void {
  line[field] = sumOf(line[field], amount)
}

/** Most sums begin with the shared zero. */
function sumOf(sum: Decimal, amount: Decimal): Decimal {
  return sum === ZERO ? amount : sum.plus(amount)
}

function differenceOf(sum: Decimal, amount: Decimal): Decimal {
  return sum.minus(amount)
}
