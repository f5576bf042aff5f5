import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askAs } from '../cmd/sql.ts'
import { SETTINGS } from '../core/config.ts'
import { type AforoProcess, runAforo } from './e2e/process.ts'
import { type TestDatabase, testDatabase } from './support/database.ts'
import { blocks, holdTable } from './support/shown.ts'

const README = 'README.md'
/** Goes on where the README ends. */
const SESSIONS = 'docs/SESSIONS.md'
/**
 * The commands of all readers: ten processes, one after the other, of some 1.5 s of CPU each; beside other tests that
 * takes longer.
 */
const COMMANDS_MS = 300_000

/** The settings table is made from the rows of core/config.ts. */
it('lists every setting with its default', () => {
  holdTable(README, 'settings', [
    '| setting | default | about |',
    '|---|---|---|',
    ...SETTINGS.map(
      (s) => `| \`${s.name}\` | ${s.fallback === '' ? '' : `\`${s.fallback}\``} | ${s.about} |`,
    ),
  ])
})

/** What needs an agent of the reader's own. */
const OWN = /your[-_]agent/

describe('its commands, as a reader runs them', () => {
  let database: TestDatabase
  let aforo: AforoProcess
  let folder: string
  let printed: string

  beforeAll(async () => {
    database = await testDatabase()
    aforo = await runAforo('serve', { DATABASE_URL: database.url })
    folder = await mkdtemp(join(tmpdir(), 'aforo-readme-'))
    await cp('docs', join(folder, 'docs'), { recursive: true })
    for (const example of ['credits.yaml', 'trace.json']) {
      const path = join(folder, 'docs/examples', example)
      await writeFile(path, inThisMonth(await readFile(path, 'utf8')))
    }
    const shown = [README, SESSIONS].flatMap((page) => blocks(page, 'sh')).filter((block) => !OWN.test(block))
    const script = inThisMonth([PRELUDE, ...shown].join('\n')).replaceAll(
      /127\.0\.0\.1:(\d+)/g,
      (_, port: string) => {
        const name = { 8080: 'api', 4318: 'otlp_http', 4319: 'check' }[Number(port)]!
        return `127.0.0.1:${aforo.ports[name]}`
      },
    )
    const env = {
      ...process.env,
      NODE: process.execPath,
      ROOT: process.cwd(),
      DATABASE_URL: database.url,
      AFORO_LOG: 'warn',
      NODE_OPTIONS: '',
    }
    printed = (await promisify(execFile)('bash', ['-c', script], { cwd: folder, env })).stdout
  }, COMMANDS_MS)

  afterAll(async () => {
    await aforo?.end('SIGTERM')
    await database?.drop()
    await rm(folder, { recursive: true, force: true })
  })

  it('print the anatomy that is shown', () => {
    const [, anatomy] = blocks(README, '')
    expect(anatomy).toContain('ticket-1042')
    expect(printed.replaceAll(/ +$/gm, '')).toContain(anatomy)
  })

  it('say what they are said to say', async () => {
    expect(printed).toContain('made      plans/credits')
    expect(printed).toContain('"decision":"allow"')
    expect(printed).toContain('"balance":"997.1129"')
    expect(printed).toMatch(/^initech +\$0\.012 +\$0\.029/m)
    expect(printed).toMatch(/^claude-haiku-4-5 /m)
    expect(printed).toContain('"price_row_id"')
    expect(printed).toMatch(/^no gap · /m)
    expect(printed).toContain('"group_by":"session"')
    expect(printed).toContain('event_id,revision,line_no,time,customer')
    expect(printed).toMatch(/^initech +claude-sonnet-4-6 +2 +0\.014871/m)
    expect((await readFile(join(folder, 'invoice.pdf'))).subarray(0, 5).toString()).toBe('%PDF-')
  })

  it('name scripts that are there', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8'))
    const named = [
      ...blocks(README, 'sh')
        .join('\n')
        .matchAll(/npm (?:run )?([\w:]+)/g),
    ].map(([, name]) => name)
    expect(new Set(named).size).toBeGreaterThan(5)
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named))
  })

  it('ask in SQL what can be asked', async () => {
    for (const query of blocks(README, 'sql')) {
      const { rows } = await askAs(
        database.pool,
        'aforo_grafana',
        query.replace("now() - interval '30 days'", "'2026-01-01'"),
      )
      expect(rows).toHaveLength(1)
    }
  })
})

/**
 * What the README shows is of November 2026: its credits are those of the month in which it is read, so the reader of
 * another month finds all of it at the beginning of his own.
 */
function inThisMonth(text: string): string {
  const now = new Date()
  const startOf = (months: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1))
  const monthOf = (date: Date) => date.toISOString().slice(0, 7)
  const moved = BigInt(startOf(0).getTime() - Date.UTC(2026, 10, 2, 9, 30)) * 1_000_000n
  return text
    .replaceAll('2026-12', monthOf(startOf(1)))
    .replaceAll('2026-11', monthOf(startOf(0)))
    .replaceAll(/"(17936\d{14})"/g, (_, nano: string) => `"${BigInt(nano) + moved}"`)
}

/**
 * npm and curl as the README means them: what starts things is left out, and an event that is
 * not rated yet is asked for again.
 */
const PRELUDE = `
set -euo pipefail
npm() {
  case "$*" in
    'run aforo -- conformance') ;; # test/conformance.test.ts
    'run aforo -- '*) shift 3; "$NODE" "$ROOT/cmd/aforo.ts" "$@" ;;
  esac
}
curl() {
  local answer tries
  for tries in {1..100}; do
    if ! answer=$(command curl -sS --fail-with-body "$@" 2>&1) && [[ $answer != *'"not_found"'* ]]; then break; fi
    if [[ $answer != *'"not_found"'* && $answer != *'not rated yet'* ]]; then
      printf '%s\\n' "$answer"
      if [[ $answer =~ \\"invoice_id\\":\\"([^\\"]+) ]]; then INVOICE=\${BASH_REMATCH[1]}; fi
      if [[ $answer =~ \\"entry_id\\":\\"([^\\"]+) ]]; then ENTRY=\${BASH_REMATCH[1]}; fi
      return 0
    fi
    sleep 0.2
  done
  printf '%s\\n' "$answer" >&2
  return 1
}
`
