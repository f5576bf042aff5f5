import { Decimal, ZERO } from '../core/money.ts'
import type { MeterFilter, Plan, PlanMeter, Rounding, TieredMeter } from '../core/plan.ts'
import type { CostMeter } from '../core/price.ts'
import type { RateCard, Rates } from '../core/rate-card.ts'
import { matchesGlob, mayMatchOn } from './plans/glob.ts'
import { type Base, METER_BASES } from './plans/quantities.ts'
import type { ModelKey } from './prices/match.ts'
import { type BookRow, resolvePrice } from './prices/resolve.ts'
import { nextTurns } from './prices/schedule.ts'

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

/** What a unit of a currency is worth in USD; null: nobody has said. */
export type UsdOf = (currency: string) => Decimal | null

/** The last digit of the tables: what rounding a price to it may add. */
const LAST_DIGIT = new Decimal('1e-18')

/** Token bases that a token of input, or of output, may turn out to be. */
const INPUT: readonly Base[] = ['uncached_input', 'cache_read', 'cache_write', 'embedding']
const OUTPUT: readonly Base[] = ['output_text', 'reasoning']
/** What a call is of by itself: one call, a step of reasoning, and it may be the first of its trace. */
const CALL: readonly Base[] = ['model_call', 'step', 'trace']

/**
 * What a plan charges for a call at worst, in its currency; null where it charges by a cost that is not known, or whose
 * worth is not. Sessions' seconds are left out.
 * @param cogs in USD
 */
function worstPrice(plan: Plan, scope: CallScope, cogs: Rates | null, usdOf: UsdOf): Rates | null {
  const kept = new Decimal(100).minus(plan.discount_pct ?? 0).div(100)
  const fixed = new Map<number, Decimal>()
  const slope = (bases: readonly Base[]) => {
    let dearest = ZERO
    for (const base of bases) {
      for (const meterNo of metersFor(plan, base, scope)) {
        const line = lineOf(plan.meters[meterNo]!)
        fixed.set(meterNo, line.fixed.plus(isExact(line, kept) ? 0 : LAST_DIGIT))
        dearest = Decimal.max(dearest, line.each)
      }
    }
    return dearest
  }
  const [input, output, tool] = [slope(INPUT), slope(OUTPUT), slope(['tool_call'])]
  const calls = CALL.reduce((sum, base) => sum.plus(slope([base])), ZERO)
  const markup = slope(['cost'])
  const usd = markup.greaterThan(0) ? usdOf(plan.currency) : null
  if (markup.greaterThan(0) && (cogs === null || usd === null)) return null
  const cost = (field: keyof Rates) =>
    cogs === null || usd === null ? ZERO : markup.mul(cogs[field]).div(usd)
  const call = [...fixed.values()].reduce((sum, each) => sum.plus(each), calls).plus(cost('call'))
  return {
    call: roundUp(call.mul(kept)),
    input: roundUp(input.plus(cost('input')).mul(kept)),
    output: roundUp(output.plus(cost('output')).mul(kept)),
    tool: roundUp(tool.plus(cost('tool')).mul(kept)),
  }
}

/** The price of a call in credits; null for a plan that does not speak of them. */
function worstCredits(plan: Plan, price: Rates | null): Rates | null {
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

/** Nobody says beforehand whether a token will be of text, sound or a picture. */
const INPUT_METERS: readonly CostMeter[] = [
  'input_uncached',
  'input_audio',
  'input_image',
  'input_video',
  'cache_read',
  'cache_read_audio',
  'cache_read_image',
  'cache_write',
  'cache_write_1h',
  'embedding',
]
const OUTPUT_METERS: readonly CostMeter[] = [
  'output',
  'output_audio',
  'output_image',
  'output_video',
  'citation',
  'reasoning',
]
/** Fees of tools that providers run, by the call. */
const TOOL_METERS: readonly CostMeter[] = [
  'web_search',
  'web_search_preview',
  'x_search',
  'file_search',
  'collection_search',
  'attachment_search',
  'code_execution',
  'code_session',
  'search_unit',
]
/** Amounts that a call's cost is the sum of, each rounded by itself. */
const COST_LINES_MAX = INPUT_METERS.length + OUTPUT_METERS.length + TOOL_METERS.length + 1

/**
 * What providers charge for a call at worst: in whatever tier and region, however long its context, whenever it begins
 * while its hold lasts. Null: the model has no price, or one in a currency whose worth nobody has said. A model without a
 * price for output gives none.
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
  usdOf: UsdOf,
): Rates | null {
  const cases = casesOf(rows, at)
  let isForeign = false
  let least = ZERO
  const dearest = (meters: readonly CostMeter[]): Decimal | null => {
    let found: Decimal | null = null
    for (const meter of meters) {
      for (const each of cases) {
        const question = { tenantId, keys, meter, ...each, knownAt: FOREVER }
        const row = resolvePrice(question, (key) => rows.filter((one) => isOf(one, key)))
        if (row === null) continue
        const usd = usdOf(row.currency)
        if (usd === null) isForeign = true
        const price = row.unitPrice.mul(usd ?? 1).div(row.per)
        if (found === null || price.greaterThan(found)) found = price
        // A call is billed for so much at least, or in whole multiples of so much.
        const whole = Decimal.max(row.minQuantity ?? 0, row.roundingQuantity ?? 0)
        least = Decimal.max(least, price.mul(whole))
      }
    }
    return found
  }
  const input = dearest(INPUT_METERS)
  if (input === null) return null
  const [request, output] = [dearest(['request']) ?? ZERO, dearest(OUTPUT_METERS) ?? ZERO]
  const ofTokens = least
  least = ZERO
  const tool = Decimal.max(tools, dearest(TOOL_METERS) ?? ZERO, least)
  if (isForeign) return null
  const rounded = [input, output, tool].every((each) => isWhole(each)) ? ZERO : LAST_DIGIT.mul(COST_LINES_MAX)
  return {
    call: roundUp(request.plus(ofTokens.mul(INPUT_METERS.length + OUTPUT_METERS.length)).plus(rounded)),
    input: roundUp(input),
    output: roundUp(output),
    tool: roundUp(tool),
  }
}

/** Longer no hold lasts: until then the call it is for has begun. */
const HOLD_MICROS_MAX = 86_400_000_000

/** All that the prices of a model may depend on, of a call that begins from `at` on. */
function casesOf(rows: readonly BookRow[], at: number) {
  const tiers = new Set(['standard', ...rows.map((row) => row.serviceTier)])
  const regions = new Set(['', ...rows.map((row) => row.region)])
  const contexts = new Set([0, ...rows.map((row) => row.contextFrom + 1)])
  const turns = rows.flatMap(({ effectiveFrom, schedule }) => [
    effectiveFrom,
    ...(schedule === null ? [] : nextTurns(schedule, at)),
  ])
  const instants = new Set([at, ...turns.filter((turn) => turn > at && turn <= at + HOLD_MICROS_MAX)])
  return [...tiers].flatMap((serviceTier) =>
    [...regions].flatMap((region) =>
      [...contexts].flatMap((inputTokens) =>
        [...instants].map((instant) => ({ serviceTier, region, inputTokens, at: instant })),
      ),
    ),
  )
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
  usdOf: UsdOf,
): RateCard {
  const price = plan && worstPrice(plan, scope, cogs, usdOf)
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
    else if (!matchesGlob(glob, value)) {
      // What was asked for may be answered by a model with more to its name: `gpt-5` by `gpt-5-2025-08-07`.
      if (glob !== model || !mayMatchOn(glob, value)) return 'no'
      passes = 'maybe'
    }
  }
  // For the same reason; and a part of a cost is of tools, not of a model.
  if (model !== undefined && (base === 'cost' || !model.endsWith('*'))) passes = 'maybe'
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

/** Whether a price by the line has no more digits than the tables, whatever the quantity. */
function isExact({ fixed, each }: Line, kept: Decimal): boolean {
  return isWhole(each.mul(kept)) && isWhole(fixed.mul(kept))
}

function isWhole(amount: Decimal): boolean {
  return amount.decimalPlaces() <= 18
}

function roundUp(amount: Decimal): string {
  return amount.toDecimalPlaces(18, Decimal.ROUND_UP).toFixed()
}
