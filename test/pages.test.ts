import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { aforoProgram } from '../cmd/program.ts'
import { AUDIT_CHECKS } from '../core/audit.ts'
import { tracked } from './support/tracked.ts'

/** What pages say of the code that a test can look up: where links lead, which files and commands there are. */
const PAGES = tracked('*.md').filter((path) => !path.startsWith('test/recordings/'))
const FILES = tracked()
const read = (path: string) => readFileSync(path, 'utf8')

describe.each(PAGES)('%s', (page) => {
  test('links lead somewhere', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, to]) => to!)
    expect(links.filter((to) => !existsSync(join(dirname(page), to)))).toEqual([])
  })

  test('files that it names are there', () => {
    const named = [
      ...read(page).matchAll(/`([\w@.-]+\/[\w@./*-]+\.(?:ts|mjs|sql|ya?ml|json|md|proto|txt|py))`/g),
    ].map(([, path]) => path!)
    const missing = named.filter((path) => {
      if (path.includes('NNNN')) return false
      const pattern = new RegExp(`(^|/)${path.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`)
      return !FILES.some((file) => pattern.test(file)) && !existsSync(join(dirname(page), path))
    })
    expect(missing).toEqual([])
  })
})

describe('commands', () => {
  const shown = PAGES.flatMap((page) =>
    [
      ...read(page).matchAll(
        /(?:^ {4}|`|npm run aforo -- |aforo\.ts )(?:aforo )?([a-z-]+)((?:(?!`|#)[^\n])*)/gm,
      ),
    ].flatMap(([whole, command, rest]) =>
      /aforo/.test(whole) ? [{ page, command: command!, rest: rest! }] : [],
    ),
  )
  const options = new Map(aforoProgram().commands.map((command) => [command.name(), optionsOf(command)]))

  test('that pages show have the options they are shown with', () => {
    const used = shown.filter(({ command }) => options.has(command))
    expect(new Set(used.map(({ command }) => command)).size).toBeGreaterThan(9)
    const faults = used.flatMap(({ page, command, rest }) =>
      [...rest.matchAll(/(?<= )--[a-z-]+/g)].flatMap(([option]) =>
        options.get(command)!.has(option) ? [] : [`${page}: aforo ${command} ${option}`],
      ),
    )
    expect(faults).toEqual([])
  })
})

test('docs/INVARIANTS.md lists every check of the audit, at its invariant', () => {
  const page = read('docs/INVARIANTS.md')
  const rows = [...page.matchAll(/^\| (\d+) \| .* \| (.*) \|$/gm)]
  const named = rows.flatMap(([, number, checks]) =>
    [...checks!.matchAll(/`(\w+)`/g)].map(([, check]) => `${number} ${check}`),
  )
  for (const [check, { invariant }] of Object.entries(AUDIT_CHECKS)) {
    expect(named).toContain(`${invariant} ${check}`)
    expect(page).toContain(`\n| \`${check}\` |`)
  }
})

test('docs/GLOSSARY.md explains every word once', () => {
  const words = [...read('docs/GLOSSARY.md').matchAll(/^\| (?!-|word )(.+?) \|/gm)].flatMap(([, row]) =>
    row!.split(/ · |, /),
  )
  expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([])
  expect(words.length).toBeGreaterThan(100)
})

test('docs/ARCHITECTURE.md lists every folder of source', () => {
  const page = read('docs/ARCHITECTURE.md')
  const listed = [...page.matchAll(/^\| `([\w/-]+)\/` \|/gm)].map(([, folder]) => folder!)
  const folders = new Set(
    FILES.filter((path) => /\.(ts|mjs)$/.test(path) && path.includes('/')).map((path) => path.split('/')[0]!),
  )
  for (const folder of folders) {
    if (!['test', 'bench', 'deploy'].includes(folder))
      expect(
        listed.some((each) => each.split('/')[0] === folder),
        folder,
      ).toBe(true)
  }
  expect(listed.filter((folder) => !FILES.some((path) => path.startsWith(`${folder}/`)))).toEqual([])
})

/** Those of a command and of all beneath it. */
function optionsOf(command: Command): ReadonlySet<string> {
  const own = command.options.flatMap(({ long }) => long ?? [])
  return new Set([...own, '--help', ...command.commands.flatMap((each) => [...optionsOf(each)])])
}
