import { type Paths, RAW_QUANTITIES, type RawQuantity } from './dialect.ts'

/** Longest JSON text that is parsed; usage objects have a few hundred characters. */
const USAGE_JSON_MAX = 16_384

/** Quantities and units found in a JSON attribute, as they stand there; whether they are counts is not checked. */
interface UsageJson {
  readonly quantities: Quantities
  readonly units: Readonly<Record<string, number>>
}
export type Quantities = Partial<Record<RawQuantity, unknown>>

export const NO_UNITS: Readonly<Record<string, number>> = {}

/** A JSON object, or null for anything else. A Python dictionary of plain values, printed as such, is read too. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  if (text.length > USAGE_JSON_MAX) return null
  const value = parse(text) ?? (text.startsWith("{'") ? parse(asJson(text)) : null)
  return isObject(value) ? value : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function asJson(dictionary: string): string {
  return dictionary.replaceAll("'", '"').replaceAll(/\b(None|True|False)\b/g, 'null')
}

/**
 * Langfuse's `usage_details`: any number of buckets of which none contains another, told apart by their names. Those in
 * the provider's own words (`prompt_tokens`, `completion_tokens`) do contain the cached ones and are read as such; in
 * Anthropic's own, which have no total, cached tokens stand beside the input.
 */
export function readDisjointJson(text: string): UsageJson | null {
  const object = parseObject(text)
  if (object === null) return null
  if (object.input === undefined && firstAtPath(object, PROVIDER_WORDS.input) !== undefined) {
    const words = isAnthropic(object) ? ANTHROPIC_WORDS : PROVIDER_WORDS
    return { quantities: readPaths(object, words), units: unitsAt(object, PROVIDER_UNITS) }
  }
  const sums: Partial<Record<RawQuantity, number>> = {}
  const units: Record<string, number> = {}
  for (const [name, value] of Object.entries(object)) {
    if (typeof value !== 'number') continue
    const bucket = bucketOf(name)
    if (bucket === null) continue
    sums[bucket] = (sums[bucket] ?? 0) + value
    const unit = /^(input|output)_(audio|image)/.exec(name)
    if (unit !== null) units[`${unit[1]}_${unit[2]}_tokens`] = value
  }
  return { quantities: sums, units }
}

function bucketOf(name: string): RawQuantity | null {
  if (name === 'total') return 'total'
  if (/cache_(creation|write)/.test(name)) return cacheWriteOf(name)
  if (/cache/.test(name)) return 'cacheRead'
  if (name.startsWith('input')) return 'inputUncached'
  if (/^(output_)?reasoning/.test(name)) return 'reasoning'
  return name.startsWith('output') ? 'outputText' : null
}

function cacheWriteOf(name: string): RawQuantity {
  if (name.includes('1h')) return 'cacheWrite1h'
  return name.includes('5m') ? 'cacheWrite5m' : 'cacheWrite'
}

const PROVIDER_WORDS = {
  input: ['input_tokens', 'prompt_tokens', 'promptTokens', 'inputTokens'],
  output: ['output_tokens', 'completion_tokens', 'completionTokens', 'outputTokens'],
  total: ['total_tokens', 'totalTokens'],
  cacheRead: [
    'cache_read_input_tokens',
    'cached_tokens',
    'prompt_tokens_details.cached_tokens',
    'input_tokens_details.cached_tokens',
    'cachedInputTokens',
  ],
  cacheWrite: [
    'cache_creation_input_tokens',
    'cache_write_input_tokens',
    'prompt_tokens_details.cache_write_tokens',
    'input_tokens_details.cache_write_tokens',
  ],
  reasoning: [
    'reasoning_tokens',
    'completion_tokens_details.reasoning_tokens',
    'output_tokens_details.reasoning_tokens',
    'reasoningTokens',
  ],
} as const satisfies Paths

const { input: _input, ...besideInput } = PROVIDER_WORDS

const ANTHROPIC_WORDS: Paths = {
  ...besideInput,
  inputUncached: ['input_tokens'],
  cacheWrite1h: ['cache_creation.ephemeral_1h_input_tokens'],
}

const PROVIDER_UNITS = {
  input_audio_tokens: ['prompt_tokens_details.audio_tokens', 'input_tokens_details.audio_tokens'],
  output_audio_tokens: ['completion_tokens_details.audio_tokens', 'output_tokens_details.audio_tokens'],
} as const

function isAnthropic(object: Readonly<Record<string, unknown>>): boolean {
  if (object.input_tokens === undefined || object.total_tokens !== undefined) return false
  return ['cache_read_input_tokens', 'cache_creation_input_tokens'].some((name) => object[name] !== undefined)
}

/** A usage object in which each quantity stands at a known path. */
export function readPathsJson(
  text: string,
  paths: Paths,
  units?: Readonly<Record<string, readonly string[]>>,
): UsageJson | null {
  const object = parseObject(text)
  if (object === null) return null
  return {
    quantities: readPaths(object, paths),
    units: units === undefined ? NO_UNITS : unitsAt(object, units),
  }
}

function unitsAt(
  object: Readonly<Record<string, unknown>>,
  paths: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, number>> {
  const units: Record<string, number> = {}
  for (const unit in paths) {
    const value = firstAtPath(object, paths[unit] ?? [])
    if (typeof value === 'number') units[unit] = value
  }
  return units
}

/** Reads quantities by dotted path, the first path that leads to something. */
export function readPaths(object: Readonly<Record<string, unknown>>, paths: Paths): Quantities {
  const found: Quantities = {}
  for (const quantity of RAW_QUANTITIES) {
    const value = firstAtPath(object, paths[quantity] ?? [])
    if (value !== undefined) found[quantity] = value
  }
  return found
}

/** What stands at the first of the paths that leads to something. */
export function firstAtPath(object: Readonly<Record<string, unknown>>, paths: readonly string[]): unknown {
  return paths.map((path) => atPath(object, path)).find((at) => at !== undefined && at !== null)
}

function atPath(object: Readonly<Record<string, unknown>>, path: string): unknown {
  let value: unknown = object
  for (const step of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined
    value = value[step]
  }
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
