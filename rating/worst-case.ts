import { Decimal, ZERO } from '../core/money.ts'
import type { MeterFilter, Plan, PlanMeter, Rounding, TieredMeter } from '../core/plan.ts'
import type { CostMeter } from '../core/price.ts'
import type { RateCard, Rates } from '../core/rate-card.ts'
import { matchesGlob } from './glob.ts'
import type { ModelKey } from './prices/match.ts'
import { type BookRow, resolvePrice } from './prices/resolve.ts'
import { type Base, METER_BASES } from './quantities.ts'

/*
 * The dearest a call can be, as a straight line: so much for the call, so much for each token of input and of output,
 * so much for each call of a tool. F(q + d) − F(q) of no meter is above its line, whatever q is.
 */

/** Whose call it is. Null: not known, so that every filter on it may let it pass. */
export interface CallScope {
  readonly model: string | null
  readonly product: string | null
  readonly agent: string | null
}

interface Line {
  readonly fixed: Decimal
  readonly each: Decimal
}

/** Token bases that a token of input, or of output, may turn out to be. */
const INPUT: readonly Base[] = ['uncached_input', 'cache_read', 'cache_write', 'embedding']
const OUTPUT: readonly Base[] = ['output_text', 'reasoning']
/** What a call is of by itself: one call, a step of reasoning, and it may be the first of its trace. */
const CALL: readonly Base[] = ['model_call', 'step', 'trace']

/** What a plan charges for a call at worst; null where it charges by a cost that is not known. Sessions' seconds are left out. */
export function worstPrice(plan: Plan, scope: CallScope, cogs: Rates | null): Rates | null {
  const kept = new Decimal(100).minus(plan.discount_pct ?? 0).div(100)
  const fixed = new Map<number, Decimal>()
  const slope = (bases: readonly Base[]) => {
    let dearest = ZERO
    for (const base of bases) {
      for (const meterNo of metersFor(plan, base, scope)) {
        const line = lineOf(plan.meters[meterNo]!)
        fixed.set(meterNo, line.fixed)
        dearest = Decimal.max(dearest, line.each)
      }
    }
    return dearest
  }
  const [input, output, tool] = [slope(INPUT), slope(OUTPUT), slope(['tool_call'])]
  const calls = CALL.reduce((sum, base) => sum.plus(slope([base])), ZERO)
  const markup = slope(['cost'])
  if (markup.greaterThan(0) && cogs === null) return null
  const cost = (field: keyof Rates) => (cogs === null ? ZERO : markup.mul(cogs[field]))
  const call = [...fixed.values()].reduce((sum, each) => sum.plus(each), calls).plus(cost('call'))
  return {
    call: roundUp(call.mul(kept)),
    input: roundUp(input.plus(cost('input')).mul(kept)),
    output: roundUp(output.plus(cost('output')).mul(kept)),
    tool: roundUp(tool.plus(cost('tool')).mul(kept)),
  }
}

/** The price of a call in credits; null for a plan that does not speak of them. */
export function worstCredits(plan: Plan, price: Rates | null): Rates | null {
  if (price === null || plan.credit_rate === undefined) return null
  const rate = new Decimal(plan.credit_rate)
  const inCredits = (amount: string) => roundUp(new Decimal(amount).div(rate))
  return {
    call: inCredits(price.call),
    input: inCredits(price.input),
    output: inCredits(price.output),
    tool: inCredits(price.tool),
  }
}

const INPUT_METERS: readonly CostMeter[] = ['input_uncached', 'cache_read', 'cache_write', 'cache_write_1h']
const OUTPUT_METERS: readonly CostMeter[] = ['output', 'reasoning']
/** Fees of tools that providers run, by the call. */
const TOOL_METERS: readonly CostMeter[] = [
  'web_search',
  'x_search',
  'file_search',
  'code_execution',
  'search_unit',
]

/**
 * What providers charge for a call at worst: in whatever tier and region, however long its context. Null: the model has
 * no price. A model without a price for output gives none.
 *
 * @param tools what calls of tools cost that have a price of ours, the dearest
 * @param at microseconds since 1970
 */
export function worstCost(
  tenantId: string,
  keys: readonly ModelKey[],
  rows: readonly BookRow[],
  tools: Decimal,
  at: number,
): Rates | null {
  const tiers = [...new Set(['standard', ...rows.map((row) => row.serviceTier)])]
  const regions = [...new Set(['', ...rows.map((row) => row.region)])]
  const contexts = [...new Set([0, ...rows.map((row) => row.contextFrom + 1)])]
  const dearest = (meters: readonly CostMeter[]): Decimal | null => {
    let found: Decimal | null = null
    for (const meter of meters) {
      for (const serviceTier of tiers) {
        for (const region of regions) {
          for (const inputTokens of contexts) {
            const question = { tenantId, keys, meter, serviceTier, region, inputTokens, at, knownAt: FOREVER }
            const row = resolvePrice(question, (key) => rows.filter((each) => isOf(each, key)))
            if (row?.currency !== 'USD') continue
            const each = row.unitPrice.div(row.per)
            if (found === null || each.greaterThan(found)) found = each
          }
        }
      }
    }
    return found
  }
  const input = dearest(INPUT_METERS)
  if (input === null) return null
  return {
    call: roundUp(dearest(['request']) ?? ZERO),
    input: roundUp(input),
    output: roundUp(dearest(OUTPUT_METERS) ?? ZERO),
    tool: roundUp(Decimal.max(tools, dearest(TOOL_METERS) ?? ZERO)),
  }
}

/** A row with the key it was read for. */
export interface KeyedRow extends BookRow {
  readonly key: ModelKey
}

/** The card of a call; without a plan it has no price, without a model no cost. */
export function rateCard(
  plan: Plan | null,
  scope: CallScope,
  cogs: Rates | null,
  contextTokens: number | null,
): RateCard {
  const price = plan && worstPrice(plan, scope, cogs)
  return { price, cogs, credits: plan && worstCredits(plan, price), contextTokens }
}

const FOREVER = Number.POSITIVE_INFINITY

function isOf(row: BookRow, key: ModelKey): boolean {
  const { provider, model } = (row as KeyedRow).key
  return provider === key.provider && model === key.model
}

/** Meters that may count a quantity: up to the first that does so for sure. */
function metersFor(plan: Plan, base: Base, scope: CallScope): readonly number[] {
  const found: number[] = []
  for (const [no, meter] of plan.meters.entries()) {
    if (!METER_BASES[meter.meter].bases.includes(base)) continue
    const passes = mayPass(meter.filter, base, scope)
    if (passes !== 'no') found.push(no)
    if (passes === 'yes') break
  }
  return found
}

function mayPass(filter: MeterFilter | undefined, base: Base, scope: CallScope): 'yes' | 'maybe' | 'no' {
  const { model, provider, tool, agent, product } = filter ?? {}
  const hasModel = base !== 'tool_call' && base !== 'trace'
  let passes: 'yes' | 'maybe' = 'yes'
  if (!hasModel && (model !== undefined || provider !== undefined)) return 'no'
  if (tool !== undefined && base !== 'tool_call' && base !== 'cost') return 'no'
  if (provider !== undefined || tool !== undefined) passes = 'maybe'
  const told = [
    [model, scope.model],
    [agent, scope.agent],
    [product, scope.product],
  ] as const
  for (const [glob, value] of told) {
    if (glob === undefined) continue
    if (value === null) passes = 'maybe'
    else if (!matchesGlob(glob, value)) return 'no'
  }
  return passes
}

function lineOf(meter: PlanMeter): Line {
  switch (meter.model) {
    case 'per_unit':
      return each(meter.unit_price, meter.per ?? '1', meter.rounding ?? 'none')
    case 'package':
      return each(meter.package_price, meter.package_size, meter.rounding ?? 'up')
    case 'flat':
      return { fixed: new Decimal(meter.flat), each: ZERO }
    case 'cost_plus':
      return { fixed: ZERO, each: new Decimal(meter.markup_pct).plus(100).div(100) }
    case 'graduated':
    case 'volume':
      return tieredLine(meter)
  }
}

/** A call may begin another `per`. */
function each(unitPrice: string, per: string, rounding: Rounding): Line {
  const price = new Decimal(unitPrice)
  return { fixed: rounding === 'none' ? ZERO : price, each: price.div(per) }
}

/** A call may reach every tier at once; by volume it then reprices all that was used before, at the most unlucky place. */
function tieredLine({ model, tiers, rounding = 'none' }: TieredMeter): Line {
  const lines = tiers.map((tier) => ({
    ...each(tier.unit_price, tier.per ?? '1', rounding),
    flat: new Decimal(tier.flat ?? 0),
    upTo: tier.up_to === null ? null : new Decimal(tier.up_to),
  }))
  let fixed = ZERO
  for (const line of lines) fixed = fixed.plus(line.fixed).plus(line.flat)
  if (model === 'volume') {
    let jump = ZERO
    for (const [i, from] of lines.entries()) {
      for (const to of lines.slice(i + 1)) {
        if (from.upTo) jump = Decimal.max(jump, from.upTo.mul(to.each.minus(from.each)))
      }
    }
    fixed = fixed.plus(jump)
  }
  return { fixed, each: Decimal.max(...lines.map((line) => line.each)) }
}

function roundUp(amount: Decimal): string {
  return amount.toDecimalPlaces(18, Decimal.ROUND_UP).toFixed()
}
