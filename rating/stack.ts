import type { Assembly } from '../core/assembly.ts'
import type { Part } from '../core/event.ts'
import { Decimal, ZERO } from '../core/money.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import type { CostLine } from './cost.ts'

/** One line of an event's stack: what was used, what it cost us, what the customer pays. */
export interface StackLine extends StackPlace {
  readonly quantity: Decimal
  /** Model calls and those of them with an unknown cost; on the prompt line of their model only. */
  readonly calls: number
  readonly unpricedCalls: number
  readonly cogs: Decimal
  readonly price: Decimal
}

/** Where a line stands. Two lines of one place are one line. */
export interface StackPlace {
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly unit: string
}

/** A price as the stack shows it: all that the event was ever charged under one meter, model and tool. */
export interface StackCharge {
  readonly customer: string
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

/** The whole stack of an event. Σ cogs is its known cost, Σ price the sum of its charges. */
export function stackOf(
  assembly: Assembly,
  scope: Pick<StackPlace, 'customer' | 'product' | 'agent'>,
  costs: readonly CostLine[],
  charges: readonly StackCharge[],
): readonly StackLine[] {
  const lines = new Map<string, OpenLine>()
  const at = (
    place: Omit<StackPlace, 'unit' | keyof typeof scope>,
    meter = '',
    customer = scope.customer,
  ) => {
    const { part, provider, model, tool } = place
    const unit = part === 'other' ? meter : UNITS[part]
    return openLine(lines, { ...scope, customer, part, provider, model, tool, unit })
  }
  const unpriced = new Set(costs.flatMap((line) => (line.price === null ? line.spanIds : [])))
  let steps = 0
  for (const call of assembly.calls) {
    const place = { provider: call.provider, model: call.model, tool: null }
    const prompt = at({ ...place, part: 'prompt' })
    prompt.calls += 1
    if (unpriced.has(call.spanId)) prompt.unpricedCalls += 1
    add(prompt, 'quantity', inputTokens(call.buckets))
    const output = outputTokens(call.buckets)
    if (output > 0) add(at({ ...place, part: 'output' }), 'quantity', output)
    if (call.reasoningSteps > 0) add(at({ ...place, part: 'reasoning' }), 'quantity', call.reasoningSteps)
    steps += call.reasoningSteps
  }
  const nobody = { provider: null, model: null, tool: null }
  if (assembly.reasoningSteps > steps) {
    add(at({ ...nobody, part: 'reasoning' }), 'quantity', assembly.reasoningSteps - steps)
  }
  for (const tool of assembly.tools) add(at({ ...nobody, part: 'tools', tool: tool.name }), 'quantity', 1)
  for (const cost of costs) if (cost.amount) add(at(cost), 'cogs', cost.amount)
  for (const charge of charges) {
    const line = at(charge, charge.meter, charge.customer)
    add(line, 'price', charge.amount)
    if (charge.part === 'other') add(line, 'quantity', charge.quantity)
  }
  return [...lines.keys()].sort().map((name) => lines.get(name)!)
}

/** The lines to write so that those of all revisions together are `desired`. */
export function stackDifference(
  desired: readonly StackLine[],
  booked: readonly StackLine[],
): readonly StackLine[] {
  const lines = new Map<string, OpenLine>()
  for (const [sign, given] of [[1, desired] as const, [-1, booked] as const]) {
    for (const line of given) {
      const sum = openLine(lines, line)
      sum.calls += sign * line.calls
      sum.unpricedCalls += sign * line.unpricedCalls
      for (const field of ['quantity', 'cogs', 'price'] as const) add(sum, field, line[field].mul(sign))
    }
  }
  return [...lines.values()].filter(
    (line) =>
      line.calls !== 0 ||
      line.unpricedCalls !== 0 ||
      !line.quantity.isZero() ||
      !line.cogs.isZero() ||
      !line.price.isZero(),
  )
}

type OpenLine = { -readonly [field in keyof StackLine]: StackLine[field] }

function openLine(lines: Map<string, OpenLine>, place: StackPlace): OpenLine {
  const { customer, product, agent, part, provider, model, tool, unit } = place
  const name = JSON.stringify([customer, product, agent, part, provider, model, tool, unit])
  let line = lines.get(name)
  if (!line) {
    const zero = { quantity: ZERO, calls: 0, unpricedCalls: 0, cogs: ZERO, price: ZERO }
    line = { customer, product, agent, part, provider, model, tool, unit, ...zero }
    lines.set(name, line)
  }
  return line
}

function add(line: OpenLine, field: 'quantity' | 'cogs' | 'price', amount: Decimal | number): void {
  line[field] = line[field].plus(new Decimal(amount))
}
