import type { AttributeValue, Span } from '../../core/span.ts'
import type { Match, Pattern } from './dialect.ts'

/** A compiled `Match`. */
export type SpanTest = (span: Span) => boolean

/** Compiles patterns into one test: exact texts in a set, the few with a `*` in turn. */
export function compilePatterns(patterns: readonly Pattern[]): (text: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')))
  const loose = patterns.filter((pattern) => pattern.includes('*')).map(compilePattern)
  if (loose.length === 0) return (text) => exact.has(text)
  return (text) => exact.has(text) || loose.some((test) => test(text))
}

/** One pattern: `a*`, `*a`, `*a*`, `*` or the text itself. */
export function compilePattern(pattern: Pattern): (text: string) => boolean {
  const open = pattern.startsWith('*')
  const close = pattern.endsWith('*')
  const body = pattern.slice(open ? 1 : 0, close && pattern.length > 1 ? -1 : undefined)
  if (open && close) return (text) => text.includes(body)
  if (open) return (text) => text.endsWith(body)
  if (close) return (text) => text.startsWith(body)
  return (text) => text === pattern
}

/** All fields of the match but the scope, which the caller has tested already. */
export function compileMatch(match: Match): SpanTest {
  const tests: SpanTest[] = []
  const accepts = match.is === undefined ? undefined : compilePatterns(match.is)
  if (match.version !== undefined) {
    const version = compilePatterns(match.version)
    tests.push((span) => version(span.scopeVersion))
  }
  if (match.name !== undefined) {
    const name = compilePatterns(match.name)
    tests.push((span) => name(span.name))
  }
  if (match.service !== undefined) {
    const service = compilePatterns(match.service)
    tests.push((span) => holds(span.resource('service.name'), service))
  }
  const { attribute, resource } = match
  // `is` belongs to the resource's attribute where one is named, else to the span's.
  if (resource !== undefined) tests.push((span) => holds(span.resource(resource), accepts))
  if (attribute !== undefined) {
    const values = resource === undefined ? accepts : undefined
    tests.push((span) => holds(span.attribute(attribute), values))
  }
  for (const [key, patterns] of Object.entries(match.where ?? {})) {
    const values = compilePatterns(patterns)
    tests.push((span) => holds(span.attribute(key), values))
  }
  for (const [key, patterns] of Object.entries(match.unless ?? {})) {
    const values = compilePatterns(patterns)
    tests.push((span) => !holds(span.attribute(key), values))
  }
  const { without = [] } = match
  if (without.length > 0) tests.push((span) => without.every((key) => span.attribute(key) === undefined))
  const [only] = tests
  return tests.length === 1 && only !== undefined ? only : (span) => tests.every((test) => test(span))
}

function holds(value: AttributeValue | undefined, accepts: ((text: string) => boolean) | undefined): boolean {
  if (value === undefined) return false
  return accepts === undefined || accepts(String(value))
}
