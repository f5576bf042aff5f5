import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { parseCase } from '../receiver/conformance/case.ts'
import { type Outcome, runCase } from '../receiver/conformance/run.ts'
import { type Result, tableOf } from '../receiver/conformance/table.ts'

const FOLDER = fileURLToPath(new URL('../test/conformance/', import.meta.url))

/** `aforo conformance`: runs the cases and prints dialect by pattern. Exit code 1 where a case fails. */
export function conformanceCommand(): Command {
  return new Command('conformance')
    .description('runs the conformance suite and prints the table dialect × pattern')
    .argument('[folder]', 'where the cases are', FOLDER)
    .action((folder: string) => {
      const results = readCases(folder).map(judge)
      process.stdout.write(`${tableOf(results)}\n\n`)
      const failed = results.filter(({ passed }) => !passed)
      for (const result of failed) process.stdout.write(describeFailure(result))
      process.stdout.write(`${results.length - failed.length} cases passed, ${failed.length} failed\n`)
      if (failed.length > 0) process.exitCode = 1
    })
}

type NamedCase = ReturnType<typeof parseCase> & { readonly name: string }

function readCases(folder: string): readonly NamedCase[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ ...parseCase(readFileSync(join(folder, file), 'utf8')), name: file.slice(0, -5) }))
}

interface Judged extends Result {
  readonly why: string
  readonly outcome: Outcome
}

function judge(given: NamedCase): Judged {
  const { name, dialect, pattern, why } = given
  const outcome = runCase(given)
  return { name, dialect, pattern, why, passed: outcome.passed, outcome }
}

function describeFailure({ name, why, outcome }: Judged): string {
  const expected = JSON.stringify(outcome.expected, null, 2)
  return `${name}: ${why}\nexpected ${expected}\nfound ${JSON.stringify(outcome.actual, null, 2)}\n\n`
}
