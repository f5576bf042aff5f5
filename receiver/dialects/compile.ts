import type { Span } from '../../core/span.ts'
import { usageInsideKey } from '../decode/keys.ts'
import type {
  Convention,
  Dialect,
  Fact,
  Paths,
  RawQuantity,
  RoleRule,
  SpanRole,
  UsageAttribute,
  Vocabulary,
} from './dialect.ts'
import { FACTS, RAW_QUANTITIES } from './dialect.ts'
import { compileMatch, compilePattern, compilePatterns, type SpanTest } from './match.ts'
import { WHOLE_UNITS } from './unit-names.ts'

/** A row made ready to read spans with: key lists merged over its vocabularies, patterns compiled. */
export interface CompiledDialect {
  readonly dialect: Dialect
  readonly quantities: Spellings<RawQuantity>
  readonly units: Spellings<string>
  /** Those of the units that are parts of tokens, for spans that tell tokens. */
  readonly parts: Spellings<string>
  readonly facts: Readonly<Record<Fact, readonly string[]>>
  readonly json: readonly UsageAttribute[]
  /** JSON with facts beside its usage. */
  readonly factsBeside: readonly FactsBeside[]
  /** Usage objects that a decoder found inside contents, by the key it keeps them under. */
  readonly inside: readonly { readonly key: string; readonly paths: Paths }[]
  readonly costs: NonNullable<Vocabulary['costs']>
  readonly providerUsage: readonly NonNullable<Vocabulary['providerUsage']>[]
  /** The span's role; null where no rule names it. */
  role(span: Span): SpanRole | null
  cachedInput(provider: string | null, model: string | null): 'included' | 'excluded' | null
  reasoning(provider: string | null, model: string | null): 'included' | 'apart' | null
  isEstimate(span: Span): boolean
  isUnfinished(span: Span): boolean
  hasFailed(span: Span): boolean
  isFailedAs(span: Span): boolean
  /** Whether an agent of this name asks a model itself. */
  leads(name: string): boolean
  /** What usage on a wrapper of this name means; undefined where it is not known. */
  wrapperUsage(name: string): Dialect['wrapperUsage']
  /** Whether calls of this version of the scope certainly repeat what earlier ones used. */
  isCumulative(scopeVersion: string): boolean
}

/** Keys in the order in which they are read, and beside each what it spells. */
export interface Spellings<T> {
  readonly keys: readonly string[]
  readonly of: readonly T[]
}

/** Lists of spellings, one behind the other. */
export function spellings<T>(lists: readonly (readonly [T, readonly string[]])[]): Spellings<T> {
  return {
    keys: lists.flatMap(([, keys]) => keys),
    of: lists.flatMap(([what, keys]) => keys.map(() => what)),
  }
}

/** Compiles one row; done once per row when the table is loaded. */
export function compileDialect(dialect: Dialect): CompiledDialect {
  const { vocabularies } = dialect
  const isSum = compilePatterns(dialect.sums ?? [])
  const units = unitsOf(vocabularies)
  return {
    dialect,
    quantities: spellings(
      RAW_QUANTITIES.map(
        (quantity) => [quantity, merged(vocabularies, (v) => v.quantities?.[quantity])] as const,
      ),
    ),
    units: spellings(units),
    parts: spellings(units.filter(([unit]) => !WHOLE_UNITS.includes(unit))),
    facts: Object.fromEntries(
      FACTS.map((fact) => [fact, merged(vocabularies, (v) => v.facts?.[fact])]),
    ) as unknown as Record<Fact, readonly string[]>,
    json: vocabularies.flatMap((v) => v.json ?? []).filter(hasQuantities),
    factsBeside: vocabularies.flatMap((v) => (v.json ?? []).flatMap(factsBeside)),
    inside: vocabularies
      .flatMap((v) => v.usageInside ?? [])
      .map(({ key, paths }) => ({ key: usageInsideKey(key), paths })),
    costs: vocabularies.flatMap((v) => v.costs ?? []),
    providerUsage: vocabularies.flatMap((v) => (v.providerUsage === undefined ? [] : [v.providerUsage])),
    role: compileRoles(dialect.roles),
    cachedInput: compileConventions(dialect.cachedInput ?? []),
    reasoning: compileConventions(dialect.reasoning ?? []),
    isEstimate: anyOf((dialect.estimated ?? []).map(compileMatch)),
    isUnfinished: anyOf((dialect.unfinished ?? []).map(compileMatch)),
    hasFailed: anyOf((dialect.failed ?? []).map(compileMatch)),
    isFailedAs: anyOf((dialect.failedAs?.when ?? []).map(compileMatch)),
    leads: compilePatterns(dialect.leads ?? []),
    wrapperUsage: (name) => (isSum(name) ? 'sum' : dialect.wrapperUsage),
    isCumulative: compilePatterns(dialect.cumulative?.scopeVersions ?? []),
  }
}

function hasQuantities(attribute: UsageAttribute): boolean {
  return 'disjoint' in attribute || Object.keys(attribute.paths).length > 0 || attribute.units !== undefined
}

/** A JSON attribute and where facts stand in it. */
interface FactsBeside {
  readonly key: string
  readonly facts: Partial<Readonly<Record<Fact, readonly string[]>>>
}

function factsBeside(attribute: UsageAttribute): readonly FactsBeside[] {
  if ('disjoint' in attribute || attribute.facts === undefined) return []
  return [{ key: attribute.key, facts: attribute.facts }]
}

function merged(
  vocabularies: readonly Vocabulary[],
  keysOf: (vocabulary: Vocabulary) => readonly string[] | undefined,
): readonly string[] {
  return [...new Set(vocabularies.flatMap((vocabulary) => keysOf(vocabulary) ?? []))]
}

function unitsOf(vocabularies: readonly Vocabulary[]): readonly (readonly [string, readonly string[]])[] {
  const names = [...new Set(vocabularies.flatMap((v) => Object.keys(v.units ?? {})))]
  return names.map((name) => [name, merged(vocabularies, (v) => v.units?.[name])] as const)
}

function anyOf(tests: readonly SpanTest[]): SpanTest {
  if (tests.length === 0) return () => false
  return (span) => tests.some((test) => test(span))
}

function compileRoles(rules: readonly RoleRule[]): (span: Span) => SpanRole | null {
  const compiled = rules.map(compileRole)
  return (span) => {
    for (const rule of compiled) {
      const role = rule(span)
      if (role !== null) return role
    }
    return null
  }
}

function compileRole(rule: RoleRule): (span: Span) => SpanRole | null {
  if ('names' in rule) {
    const roleOf = compileLookup(rule.names)
    return (span) => roleOf(span.name)
  }
  const { attribute } = rule
  if ('present' in rule) {
    const { present } = rule
    return (span) => (span.attribute(attribute) === undefined ? null : present)
  }
  const roleOf = compileLookup(rule.values)
  return (span) => {
    const value = span.attribute(attribute)
    return value === undefined ? null : roleOf(String(value))
  }
}

/** Exact texts first, then patterns in the order they are written. */
function compileLookup(table: Readonly<Record<string, SpanRole>>): (text: string) => SpanRole | null {
  const entries = Object.entries(table)
  const exact = new Map(entries.filter(([pattern]) => !pattern.includes('*')))
  const loose = entries
    .filter(([pattern]) => pattern.includes('*'))
    .map(([pattern, role]) => ({ test: compilePattern(pattern), role }))
  return (text) => exact.get(text) ?? loose.find(({ test }) => test(text))?.role ?? null
}

function compileConventions<T>(
  conventions: readonly Convention<T>[],
): (provider: string | null, model: string | null) => T | null {
  const compiled = conventions.map(({ says, providers, models }) => ({
    says,
    always: providers === undefined && models === undefined,
    provider: compilePatterns(providers ?? []),
    model: compilePatterns(models ?? []),
  }))
  return (provider, model) => {
    for (const convention of compiled) {
      if (convention.always) return convention.says
      if (provider !== null && convention.provider(provider)) return convention.says
      if (model !== null && convention.model(model)) return convention.says
    }
    return null
  }
}
