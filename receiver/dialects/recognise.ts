import type { Span } from '../../core/span.ts'
import { type CompiledDialect, compileDialect } from './compile.ts'
import type { Match } from './dialect.ts'
import { compileMatch, compilePatterns, type SpanTest } from './match.ts'
import { DIALECTS } from './table.ts'

interface Candidate {
  readonly compiled: CompiledDialect
  readonly scope: ((scopeName: string) => boolean) | null
  readonly test: SpanTest
}

/** Scopes whose candidates are remembered. Beyond this number a scope's candidates are worked out each time. */
export const SCOPES_MAX = 1024

const COMPILED = new Map(DIALECTS.map((dialect) => [dialect.id, compileDialect(dialect)]))
const CANDIDATES = candidatesInOrder()
const byScope = new Map<string, readonly Candidate[]>()

/** The row that reads this span, or null. Pure: what is remembered per scope is a function of the table. */
export function recognise(span: Span): CompiledDialect | null {
  for (const candidate of candidatesOf(span.scopeName)) {
    if (candidate.test(span)) return candidate.compiled
  }
  return null
}

/** The row of that id, ready to read with; undefined for the empty id and for one no longer known. */
export function compiledOf(id: string): CompiledDialect | undefined {
  return COMPILED.get(id)
}

function candidatesOf(scopeName: string): readonly Candidate[] {
  const known = byScope.get(scopeName)
  if (known !== undefined) return known
  const candidates = CANDIDATES.filter(({ scope }) => scope === null || scope(scopeName))
  if (byScope.size < SCOPES_MAX) byScope.set(scopeName, candidates)
  return candidates
}

/** By scope, then by service or name, then by attribute alone. */
function candidatesInOrder(): readonly Candidate[] {
  const tiers: [Candidate[], Candidate[], Candidate[]] = [[], [], []]
  for (const dialect of DIALECTS) {
    const compiled = COMPILED.get(dialect.id)!
    for (const match of dialect.recognise) {
      const scope = match.scope === undefined ? null : compilePatterns(match.scope)
      tiers[tierOf(match)].push({ compiled, scope, test: compileMatch(match) })
    }
  }
  return tiers.flat()
}

function tierOf(match: Match): 0 | 1 | 2 {
  if (match.scope !== undefined) return 0
  return match.service !== undefined || match.name !== undefined ? 1 : 2
}
