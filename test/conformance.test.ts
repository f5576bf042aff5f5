import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PATTERNS, parseCase } from '../receiver/conformance/case.ts'
import { runCase } from '../receiver/conformance/run.ts'
import { DIALECTS } from '../receiver/dialects/table.ts'

const FOLDER = new URL('conformance/', import.meta.url)

const CASES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => [file.slice(0, -5), parseCase(readFileSync(new URL(file, FOLDER), 'utf8'))] as const)

describe('the conformance suite', () => {
  it.each(CASES)('%s', (_, given) => {
    const { actual, expected, dialects } = runCase(given)
    expect(actual, given.why).toEqual(expected)
    if (given.expect.calls.length > 0) expect(dialects).toContain(given.dialect)
  })

  it('has a case for every pattern and for every dialect', () => {
    const patterns = new Set(CASES.map(([, { pattern }]) => pattern))
    expect(Object.keys(PATTERNS).filter((pattern) => !patterns.has(pattern))).toEqual([])
    const dialects = new Set(CASES.map(([, { dialect }]) => dialect))
    expect(DIALECTS.map(({ id }) => id).filter((id) => !dialects.has(id))).toEqual([])
  })

  it('comes out the same with every request sent twice, and the last first', () => {
    for (const [name, given] of CASES) {
      const again = { ...given, otlp: [...given.otlp, ...given.otlp].reverse() }
      expect(runCase(again).actual, name).toEqual(runCase(given).actual)
    }
  })
})
