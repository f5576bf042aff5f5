import { z } from 'zod'
import { AforoError, type FieldFault } from '../core/errors.ts'
import { parseDecimal } from '../core/money.ts'
import type { Pricing } from '../core/quote.ts'
import {
  type PlanChoice,
  SIMULATION_CUSTOMERS_MAX,
  SIMULATION_DAYS_MAX,
  type SimulationOrder,
} from '../core/simulation.ts'
import { instant, name, ownId, price } from './fields.ts'

const MODELS_MAX = 100
const DAY_MS = 86_400_000

const ratio = z
  .string()
  .regex(/^\d{1,2}(\.\d{1,9})?$/, 'must be a decimal string below 100, at most 9 decimals')
  .refine((text) => parseDecimal(text)?.greaterThan(0) ?? false, 'must be greater than 0')

const plan = z.union(
  [
    ownId,
    z.strictObject({ id: ownId, version: z.int().min(1).optional() }),
    z.looseObject({ meters: z.unknown() }),
  ],
  'must be the id of a plan, {"id", "version"}, or a plan',
)

const model = z.union(
  [name, z.strictObject({ provider: name.optional(), model: name })],
  'must be a model, or {"provider", "model"}',
)

/** What a simulation is asked with, over REST and by the command. */
export const simulationFields = z
  .strictObject({
    from: instant.describe('event time, inclusive'),
    to: instant.describe('event time, exclusive'),
    plan: plan.optional().describe('for everybody without one of their own; absent: the plans they are on'),
    customers: z
      .array(z.union([name, z.strictObject({ customer: name, plan })]))
      .min(1)
      .max(SIMULATION_CUSTOMERS_MAX)
      .optional()
      .describe('only these, each with a plan of its own where one is given'),
    model_map: z
      .record(name, model)
      .refine((map) => Object.keys(map).length <= MODELS_MAX, `must be at most ${MODELS_MAX} models`)
      .default({})
      .describe('which model takes the calls of which; a key is a glob, the first that fits counts'),
    token_ratio: z
      .union(
        [ratio, z.strictObject({ min: ratio, max: ratio })],
        'must be a decimal string, or {"min", "max"}',
      )
      .default('1')
      .describe('tokens that a switched call has per token it had'),
    markup_pct: price.optional().describe('what every cost_plus meter adds, instead of its own'),
  })
  .superRefine(({ from, to, token_ratio: tokens, model_map: map, customers }, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    const span = Date.parse(to) - Date.parse(from)
    if (span <= 0) refuse(['to'], 'must be after from')
    if (span > SIMULATION_DAYS_MAX * DAY_MS)
      refuse(['to'], `must be within ${SIMULATION_DAYS_MAX} days of from`)
    if (typeof tokens === 'object' && parseDecimal(tokens.max)?.lessThan(tokens.min))
      refuse(['token_ratio', 'max'], 'must not be less than min')
    if (tokens !== '1' && Object.keys(map).length === 0)
      refuse(['token_ratio'], 'is of switched models: give a model_map')
    const names = (customers ?? []).map((each) => (typeof each === 'string' ? each : each.customer))
    const twice = names.findIndex((each, no) => names.indexOf(each) < no)
    if (names.length <= 1_000 && twice >= 0) refuse(['customers', twice], 'is there already')
  })

type Asked = z.infer<typeof simulationFields>

/**
 * What was asked as an order.
 * @throws AforoError `invalid_argument` where a plan that is written out is none, with the faults by their path
 */
export function simulationOrder(
  asked: Asked,
  {
    tenantId,
    now,
    parsePlan,
    eventsMax,
  }: Pick<SimulationOrder, 'tenantId' | 'eventsMax'> & {
    readonly now: Date
    readonly parsePlan: Pricing['parsePlan']
  },
): SimulationOrder {
  const faults: FieldFault[] = []
  const choiceOf = (given: z.infer<typeof plan> | undefined, path: string) =>
    given === undefined ? null : planChoice(given, path, parsePlan, faults)
  const { from, to, token_ratio: tokens } = asked
  const order: SimulationOrder = {
    tenantId,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    now: now.toISOString(),
    plan: choiceOf(asked.plan, '/plan'),
    customers:
      asked.customers?.map((each, no) =>
        typeof each === 'string'
          ? { customer: each, plan: null }
          : { customer: each.customer, plan: choiceOf(each.plan, `/customers/${no}/plan`) },
      ) ?? null,
    switches: Object.entries(asked.model_map).map(([pattern, to]) =>
      typeof to === 'string'
        ? { pattern, provider: null, model: to }
        : { pattern, provider: to.provider ?? null, model: to.model },
    ),
    tokenRatios: typeof tokens === 'string' ? [tokens] : [tokens.min, tokens.max],
    markupPct: asked.markup_pct ?? null,
    eventsMax,
  }
  if (faults.length === 0) return order
  const told = faults.map(({ path, message }) => `${path} ${message}`).join('; ')
  throw new AforoError('invalid_argument', told, { faults })
}

function planChoice(
  given: z.infer<typeof plan>,
  path: string,
  parsePlan: Pricing['parsePlan'],
  faults: FieldFault[],
): PlanChoice | null {
  if (typeof given === 'string') return { planId: given, version: null }
  if (!('meters' in given)) return { planId: given.id, version: given.version ?? null }
  try {
    return { body: parsePlan(given) }
  } catch (error) {
    if (!(error instanceof AforoError)) throw error
    for (const fault of error.faults)
      faults.push({ path: fault.path === '/' ? path : path + fault.path, message: fault.message })
    return null
  }
}
