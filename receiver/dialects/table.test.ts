import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Span } from '../../core/span.ts'
import { type SpanWords, span } from '../../test/support/spans.ts'
import { REASONING_PARTS_KEY, UNKNOWN_UNITS_KEY, usageInsideKey } from '../decode/keys.ts'
import { DEFAULT_ATTRIBUTION } from './attribution.ts'
import type { Match, Pattern } from './dialect.ts'
import { COUNTED_KEYS, KEYS, keysOf, USAGE_INSIDE_KEYS } from './keys.ts'
import { toUsage } from './normalise.ts'
import { recognise } from './recognise.ts'
import { DIALECTS } from './table.ts'

const MATCHES = DIALECTS.flatMap((dialect) =>
  dialect.recognise.map((match) => [dialect.id, match, wordsFor(match)] as const),
)

describe('the table of dialects', () => {
  it('has ids that are one word each and no two alike', () => {
    const ids = DIALECTS.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.filter((id) => !/^[a-z0-9][a-z0-9.-]*$/.test(id))).toEqual([])
  })

  it.each(MATCHES)('%s is reached by %o', (id, _, words) => {
    expect(recognise(span(words))?.dialect.id).toBe(id)
  })

  it('stands in docs/DIALECTS.md, row by row', () => {
    const document = readFileSync(new URL('../../docs/DIALECTS.md', import.meta.url), 'utf8')
    const listed = [...document.matchAll(/^\| `([^`]+)` \| .* \| .* \| .* \| .* \|$/gm)].map(([, id]) => id)
    expect(listed).toEqual(DIALECTS.map(({ id }) => id))
  })

  it('keeps every attribute that is ever asked for', () => {
    const known = new Set([
      ...KEYS,
      REASONING_PARTS_KEY,
      UNKNOWN_UNITS_KEY,
      ...USAGE_INSIDE_KEYS.map(usageInsideKey),
    ])
    const asked = new Set<string>()
    for (const [, , words] of MATCHES) {
      for (const kind of ['client', 'internal'] as const)
        toUsage(listening(span({ ...words, kind, failed: true }), asked), DEFAULT_ATTRIBUTION)
    }
    expect([...asked].filter((key) => !known.has(key))).toEqual([])
    expect(asked.size).toBeGreaterThan(100)
  })

  it('keeps no attribute with contents', () => {
    const contents =
      /messages|entity\.(input|output)$|(?<!token_count)\.(prompt|completion)$|^(input|output)\.value|arguments|result$|genkit:(input|output)|llm_(request|response)/
    expect(KEYS.filter((key) => contents.test(key))).toEqual([])
    expect([...COUNTED_KEYS, ...USAGE_INSIDE_KEYS].filter((key) => KEYS.includes(key))).toEqual([])
  })

  it("keeps what a tenant's own attribution names", () => {
    expect(keysOf([{ customer: ['acme.account'], session: [] }])).toContain('acme.account')
  })
})

/** Any span of that match: patterns are filled where they are open. */
function wordsFor(match: Match): SpanWords {
  const value = match.is === undefined ? 'x' : filled(match.is)
  return {
    id: 1,
    name: match.name === undefined ? 'span' : filled(match.name),
    scope: match.scope === undefined ? 'unheard-of' : filled(match.scope),
    ...(match.version !== undefined && { version: filled(match.version) }),
    resource: {
      'service.name': match.service === undefined ? 'test-app' : filled(match.service),
      ...(match.resource === undefined ? {} : { [match.resource]: value }),
    },
    attributes:
      match.attribute === undefined ? {} : { [match.attribute]: match.resource === undefined ? value : 'x' },
  }
}

function filled([pattern = '']: readonly Pattern[]): string {
  return pattern.replaceAll('*', 'z')
}

function listening(of: Span, asked: Set<string>): Span {
  const answer = <T>(key: string, value: T): T => {
    asked.add(key)
    return value
  }
  return {
    ...of,
    attribute: (key) => answer(key, of.attribute(key)),
    resource: (key) => answer(key, of.resource(key)),
  }
}
