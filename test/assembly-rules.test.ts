import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ASSEMBLY_RULES } from '../core/assembly-rules.ts'
import { parseCase } from '../receiver/conformance/case.ts'
import { assembleCase } from '../receiver/conformance/run.ts'
import { packedDocument } from '../receiver/cut/revision.ts'

/*
 * Which version of the rules made what of the conformance suite. Of a case whose journal rows are what they were and whose
 * assembly is not, the rules count otherwise: what was cut before is cut again only where ASSEMBLY_RULES says so.
 * `UPDATE=1 npm test -- test/assembly-rules.test.ts` writes the list anew, once the number is raised.
 */

const CASES = new URL('conformance/', import.meta.url)
const LIST = new URL('assembly-rules.json', import.meta.url)

interface Listed {
  readonly rules: number
  /** By case: a digest of the journal rows, a space, and one of the assemblies. */
  readonly cases: Readonly<Record<string, string>>
}

function digestOf(value: unknown): string {
  const text = JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function found(): Listed['cases'] {
  const files = readdirSync(CASES).filter((file) => file.endsWith('.json'))
  return Object.fromEntries(
    files.sort().map((file) => {
      const { usages, assemblies } = assembleCase(parseCase(readFileSync(new URL(file, CASES), 'utf8')))
      return [file.slice(0, -5), `${digestOf(usages)} ${digestOf(assemblies.map(packedDocument))}`]
    }),
  )
}

/** Cases that the rules of now make something else of. */
function changed({ cases }: Listed, now: Listed['cases']): readonly string[] {
  return Object.entries(cases)
    .filter(([name, digests]) => rowsOf(now[name]) === rowsOf(digests) && now[name] !== digests)
    .map(([name]) => name)
}

function rowsOf(digests: string | undefined): string | undefined {
  return digests?.split(' ')[0]
}

it('the rules of assembling have another number where they count otherwise', () => {
  const listed = JSON.parse(readFileSync(LIST, 'utf8')) as Listed
  const now = found()
  const told = changed(listed, now)
  const isRaised = ASSEMBLY_RULES === listed.rules + 1
  if (process.env.UPDATE === '1' && (told.length === 0 || isRaised)) {
    writeFileSync(LIST, `${JSON.stringify({ rules: ASSEMBLY_RULES, cases: now }, null, 2)}\n`)
    return
  }
  expect(
    told,
    'other calls come of the same journal rows: raise ASSEMBLY_RULES in core/assembly-rules.ts by one, so that aforo recut ' +
      'knows what was cut before, then run this test with UPDATE=1',
  ).toEqual([])
  expect(ASSEMBLY_RULES, 'nothing counts otherwise: run this test with UPDATE=1').toBe(listed.rules)
})

it('a case of which other calls come is told, one that arrives otherwise in the journal is not', () => {
  const listed = { rules: 1, cases: { a: 'r x', b: 'r x', c: 'r x' } }
  expect(changed(listed, { a: 'r x', b: 'r y', c: 's y', new: 'r x' })).toEqual(['b'])
})
