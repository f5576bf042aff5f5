import { z } from 'zod'
import { faultsOf } from '../../../core/faults.ts'
import { Decimal, decimalText } from '../../../core/money.ts'
import type { CostMeter } from '../../../core/price.ts'
import { catalogueProvider } from '../providers.ts'
import { refuse } from './catalogue-faults.ts'

/** What another catalogue says of one meter, under its own name for the model. USD per million tokens. */
export interface SecondPrice {
  readonly provider: string
  /** The name without the path that says whose it is. */
  readonly name: string
  readonly meter: CostMeter
  readonly serviceTier: string
  readonly contextFrom: string
  readonly perMillion: string
}

const MODELS_MAX = 50_000
const SIGNIFICANT_DIGITS = 12

const perToken = z.union([z.number(), z.string().regex(/^\d+(\.\d+)?(e-?\d+)?$/i)])

/** Only what is compared is checked; the map has hundreds of other keys. */
const entry = z.looseObject({ litellm_provider: z.string().nullish(), mode: z.string().nullish() })
const map = z.record(z.string(), entry)

/** The map's keys that a meter of ours can be compared with. */
const KEYS: readonly (readonly [RegExp, CostMeter])[] = [
  [/^input_cost_per_token/, 'input_uncached'],
  [/^output_cost_per_token/, 'output'],
  [/^cache_read_input_token_cost/, 'cache_read'],
  [/^cache_creation_input_token_cost_above_1hr/, 'cache_write_1h'],
  [/^cache_creation_input_token_cost/, 'cache_write'],
  [/^input_cost_per_audio_token/, 'input_audio'],
  [/^output_cost_per_audio_token/, 'output_audio'],
  [/^output_cost_per_reasoning_token/, 'reasoning'],
]

const SUFFIX = /^(?:_above_(\d{2,4})k_tokens)?(?:_(batches|flex|priority))?$/
const TIERS: Readonly<Record<string, string>> = { batches: 'batch', flex: 'flex', priority: 'priority' }

/** The map's names of providers that are not OpenTelemetry's either. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['bedrock_converse', 'aws'],
  ['cohere_chat', 'cohere'],
  ['azure_ai', 'azure'],
  ['text-completion-openai', 'openai'],
  ['vertex_ai', 'google'],
  ['palm', 'google'],
  ['fireworks_ai', 'fireworks'],
  ['together_ai', 'together'],
  ['xai', 'x-ai'],
])

/**
 * Reads LiteLLM's map of prices. A chat model whose input and output are both zero is by subscription, free or unknown there:
 * it says nothing. Prices per token are read exactly, digit by digit, and told per million.
 * @throws AforoError `invalid_argument` where it is no such map
 */
export function parseLitellm(document: Record<string, unknown>, source: string): readonly SecondPrice[] {
  if (Object.keys(document).length > MODELS_MAX) {
    refuse(source, [{ path: '/', message: `has more than ${MODELS_MAX} models` }])
  }
  const result = map.safeParse(document)
  if (!result.success) refuse(source, faultsOf(result.error.issues))
  const prices = Object.entries(result.data).flatMap(([key, said]) => pricesOf(key, said))
  if (prices.length === 0) refuse(source, [{ path: '/', message: 'has no price that can be compared' }])
  return prices
}

function pricesOf(key: string, said: z.infer<typeof entry>): readonly SecondPrice[] {
  const provider = providerOf(said.litellm_provider ?? '')
  const name = bareName(key)
  if (provider === null || name === null) return []
  const base = [said.input_cost_per_token, said.output_cost_per_token].map(
    (each) => perToken.safeParse(each).data ?? 0,
  )
  if (base.every((each) => new Decimal(each).isZero())) return []
  return Object.entries(said).flatMap(([field, value]) => {
    const read = perToken.safeParse(value)
    const known = KEYS.find(([pattern]) => pattern.test(field))
    const suffix = known && SUFFIX.exec(field.replace(known[0], ''))
    if (!known || !suffix || !read.success) return []
    const perMillion = new Decimal(String(read.data)).mul(1_000_000).toSignificantDigits(SIGNIFICANT_DIGITS)
    if (!perMillion.isFinite() || perMillion.isNegative()) return []
    const thousands = suffix[1]
    return [
      {
        provider,
        name,
        meter: known[1],
        serviceTier: suffix[2] === undefined ? 'standard' : TIERS[suffix[2]]!,
        contextFrom: thousands === undefined ? '0' : `${thousands}000`,
        perMillion: decimalText(perMillion),
      },
    ]
  })
}

function providerOf(name: string): string | null {
  const [family = ''] = name.split('-')
  const mapped = PROVIDERS.get(name) ?? PROVIDERS.get(family) ?? name
  return catalogueProvider(mapped, () => true)
}

/** Without the provider's path; null where the path goes on with a region, whose prices are others. */
function bareName(key: string): string | null {
  const slash = key.indexOf('/')
  if (slash < 0) return key
  const rest = key.slice(slash + 1)
  return /^(?:us|eu|global|global-standard|regional|[a-z]{2}(?:-[a-z]+)+-\d|\d[\w-]*|standard|hd|low|medium|high)\//.test(
    rest,
  )
    ? null
    : rest
}
