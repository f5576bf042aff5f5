import type { AttributeValue, Span } from '../../core/span.ts'
import type { RawUsage } from './buckets.ts'
import type { CompiledDialect } from './compile.ts'
import { RAW_QUANTITIES, type RawQuantity } from './dialect.ts'
import { type CountFault, readCount } from './numbers.ts'
import { NO_UNITS, parseObject, readDisjointJson, readPaths, readPathsJson } from './usage-json.ts'

/** The quantities of one span, every spelling considered. */
export interface RawReading {
  readonly raw: RawUsage
  /** Subsets of the quantities by unit, where they stand in the same JSON. */
  readonly units: Readonly<Record<string, number>>
  /** Whether the span states input or output at all. */
  readonly stated: boolean
  readonly provenExcluded: boolean
  /** Reasons of `bad_number` anomalies. */
  readonly faults: readonly CountFault[]
  /** Reasons of `usage_ambiguous` anomalies. */
  readonly doubts: readonly string[]
}

type Writable = Record<RawQuantity, number | null>

/**
 * Reads each quantity from the first spelling that is there. A zero never beats a number in a later spelling; two
 * different numbers are told, and the first is taken.
 */
export function readRawUsage(span: Span, compiled: CompiledDialect): RawReading {
  const raw: Writable = empty()
  let units: Readonly<Record<string, number>> = NO_UNITS
  const faults = new Set<CountFault>()
  const doubts = new Set<string>()
  const { keys, of } = compiled.quantities
  for (let at = span.nextOf(keys, 0); at !== -1; at = span.nextOf(keys, at + 1)) {
    offer(raw, of[at]!, span.attribute(keys[at]!)!, faults, doubts)
  }
  for (const attribute of compiled.json) {
    const text = span.attribute(attribute.key)
    if (typeof text !== 'string') continue
    const found =
      'paths' in attribute ? readPathsJson(text, attribute.paths, attribute.units) : readDisjointJson(text)
    if (found === null) continue
    offerAll(raw, found.quantities, faults, doubts)
    if (found.units !== NO_UNITS) units = { ...units, ...found.units }
  }
  for (const { key, paths } of compiled.inside) {
    const text = span.attribute(key)
    if (typeof text === 'string') fillIn(raw, readPathsJson(text, paths)?.quantities ?? {})
  }
  const provenExcluded = compiled.providerUsage.some(({ key, paths }) => {
    const text = span.attribute(key)
    const object = typeof text === 'string' ? parseObject(text) : null
    return object !== null && takeProviderUsage(raw, readPaths(object, paths))
  })
  return {
    raw,
    units,
    stated:
      raw.input !== null ||
      raw.output !== null ||
      raw.inputUncached !== null ||
      raw.outputText !== null ||
      raw.total !== null,
    provenExcluded,
    faults: [...faults],
    doubts: [...doubts],
  }
}

function empty(): Writable {
  return {
    input: null,
    output: null,
    total: null,
    cacheRead: null,
    cacheWrite: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    reasoning: null,
    inputUncached: null,
    outputText: null,
    toolUseInput: null,
    moreInput: null,
    moreOutput: null,
  }
}

function offerAll(
  raw: Writable,
  found: Partial<Record<RawQuantity, unknown>>,
  faults: Set<CountFault>,
  doubts: Set<string>,
): void {
  for (const quantity of RAW_QUANTITIES) {
    const value = found[quantity]
    if (value !== undefined) offer(raw, quantity, isAttribute(value) ? value : '', faults, doubts)
  }
}

/** A provider's own object may count otherwise than the span does, so it never stands against the span. */
function fillIn(raw: Writable, found: Partial<Record<RawQuantity, unknown>>): void {
  for (const quantity of RAW_QUANTITIES) {
    const value = found[quantity]
    const count = isAttribute(value) ? readCount(value) : 'not_a_number'
    if (typeof count === 'number' && (raw[quantity] ?? 0) === 0) raw[quantity] = count
  }
}

function isAttribute(value: unknown): value is AttributeValue {
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'
}

function offer(
  raw: Writable,
  quantity: RawQuantity,
  value: AttributeValue,
  faults: Set<CountFault>,
  doubts: Set<string>,
): void {
  const count = readCount(value)
  if (typeof count === 'string') {
    faults.add(count)
    return
  }
  const known = raw[quantity]
  if (known === null || known === 0) raw[quantity] = count
  else if (count !== 0 && count !== known) doubts.add('alias_conflict')
}

/** What a provider's own object may know beyond the span. */
const PROVIDER_KNOWS = ['cacheRead', 'cacheWrite', 'cacheWrite1h', 'reasoning'] as const

/**
 * Takes cached and reasoning tokens that only the provider's own object names. True where that object has the span's input number with
 * cached tokens beside it.
 */
function takeProviderUsage(raw: Writable, found: Partial<Record<RawQuantity, unknown>>): boolean {
  const count = (quantity: RawQuantity): number => {
    const value = found[quantity]
    const read = isAttribute(value) ? readCount(value) : 0
    return typeof read === 'number' ? read : 0
  }
  const cached = count('cacheRead') + count('cacheWrite')
  for (const quantity of PROVIDER_KNOWS) {
    if ((raw[quantity] ?? 0) === 0 && count(quantity) > 0) raw[quantity] = count(quantity)
  }
  return cached > 0 && raw.input !== null && raw.inputUncached === null && count('input') === raw.input
}
