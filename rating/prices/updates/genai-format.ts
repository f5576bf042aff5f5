import type { Provider } from '@pydantic/genai-prices'
import { z } from 'zod'
import type { FieldFault } from '../../../core/errors.ts'
import { faultsOf } from '../../../core/faults.ts'
import { Decimal } from '../../../core/money.ts'
import { cleanDecimal, PRICE_KEYS } from '../convert.ts'
import { refuse } from './catalogue-faults.ts'

/** Keys of the catalogue that no meter of ours can express; a model priced by one alone stays unpriced. */
const OTHER_KEYS = ['audio_hours', 'input_text_messages_kcount'] as const

const price = z.number().min(0, 'must not be below zero')

const tiered = z.strictObject({
  base: price,
  tiers: z.array(z.strictObject({ start: z.int().min(1), price })).max(20),
})

const KEYS: string[] = [...PRICE_KEYS.keys(), ...OTHER_KEYS]

/** A price key that is not known may be what most of a bill is for: the whole file is refused. */
const prices = z.partialRecord(z.enum(KEYS), z.union([price, tiered]))

const date = z.iso.date()
const clock = z.string().regex(/^\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$/, 'is no time of day')
const constraint = z.union([
  z.strictObject({ type: z.literal('start_date').optional(), start_date: date }),
  z.strictObject({ type: z.literal('time_of_date').optional(), start_time: clock, end_time: clock }),
])

const text = z.string().min(1).max(300)
const CLAUSES_MAX = 500

type Match = Provider['model_match']
const match: z.ZodType<NonNullable<Match>> = z.lazy(() =>
  z.union([
    z.strictObject({ or: z.array(match).max(CLAUSES_MAX) }),
    z.strictObject({ and: z.array(match).max(CLAUSES_MAX) }),
    z.strictObject({ equals: text }),
    z.strictObject({ starts_with: text }),
    z.strictObject({ ends_with: text }),
    z.strictObject({ contains: text }),
    z.strictObject({ regex: text.refine(isRegex, 'is no regular expression') }),
  ]),
)

const model = z.looseObject({
  id: text,
  match,
  prices: z.union([
    prices,
    z
      .array(z.looseObject({ constraint: constraint.nullish(), prices }))
      .min(1)
      .max(200),
  ]),
})

const provider = z.looseObject({
  id: text,
  models: z.array(model).max(20_000),
  model_match: match.nullish(),
  fallback_model_providers: z.array(text).max(20).nullish(),
})

const providers = z.array(provider).min(1).max(1_000)

/**
 * Checks data of genai-prices by our own schema: what calculates money is checked to the key, what only describes is
 * not looked at.
 * @throws AforoError `invalid_argument` with the path of each fault
 */
export function parseProviders(document: unknown, name: string): readonly Provider[] {
  // Today's feed is the bare list; one with more beside the providers is read as well.
  const list = Array.isArray(document) ? document : (document as { providers: unknown }).providers
  const result = providers.safeParse(list)
  if (!result.success) refuse(name, faultsOf(result.error.issues).map(within(document)))
  return result.data.map((each) => ({ ...each, models: each.models.map(typed) })) as unknown as Provider[]
}

/** Prices that carry dust of binary floats, or more decimals than any list has: they are read with 12 digits. */
export function floatDust(document: unknown): readonly FieldFault[] {
  const flags: FieldFault[] = []
  const look = (value: unknown, path: string) => {
    if (typeof value === 'number') {
      const read = cleanDecimal(value)
      const exact = new Decimal(String(value)).equals(read)
      if (!exact) flags.push({ path, message: `${value} is read as ${read}` })
      else if (new Decimal(read).decimalPlaces() > DECIMALS_MAX)
        flags.push({ path, message: `${read} has more than ${DECIMALS_MAX} decimals` })
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, each] of Object.entries(value)) {
        if (key !== 'start') look(each, `${path}/${key}`)
      }
    }
  }
  const list = Array.isArray(document) ? document : (document as { providers: unknown[] }).providers
  for (const { id, models } of list as { id: string; models: { id: string; prices: unknown }[] }[]) {
    for (const each of models) look(each.prices, `/${id}/${each.id}/prices`)
  }
  return flags
}

/** Decimals that a price per million tokens has at most on any provider's list. */
const DECIMALS_MAX = 6

/** Constraints come with and without their type. */
function typed(model: z.infer<typeof provider>['models'][number]) {
  if (!Array.isArray(model.prices)) return model
  const conditional = model.prices.map(({ constraint: said, prices: priced }) => {
    if (!said) return { prices: priced }
    const type = 'start_date' in said ? 'start_date' : 'time_of_date'
    return { constraint: { ...said, type }, prices: priced }
  })
  return { ...model, prices: conditional }
}

function within(document: unknown): (fault: FieldFault) => FieldFault {
  return Array.isArray(document)
    ? (fault) => fault
    : ({ path, message }) => ({ path: `/providers${path}`, message })
}

function isRegex(source: string): boolean {
  try {
    new RegExp(source)
    return true
  } catch {
    return false
  }
}
