import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tracked } from './support/tracked.ts'

/**
 * The house rules that a machine can keep: who may import whom, which files are pure, how long a file gets, which
 * names say nothing. Rules arrive by ratchet: tighten a number here, never loosen it.
 */

const STAGES = [
  'instrumentation',
  'receiver',
  'rating',
  'sidecar',
  'schema',
  'api',
  'webhooks',
  'alerts',
] as const
const LINES_MAX = 400
const LINES_MEDIAN_MAX = 120

/** What touches no clock, socket, database or randomness: all of these folders, and of others these files. */
const PURE_FOLDERS = [
  'core',
  'receiver/assemble',
  'receiver/decode',
  'receiver/dialects',
  'receiver/mirrors',
  'receiver/sessions',
]
const PURE_FILES: Readonly<Record<string, string>> = {
  alerts: 'anomaly changes levels',
  api: 'anatomy',
  rating: 'by-names difference period rate-event stack worst-case',
  'rating/costs': 'adjustments cost cost-sums metered settled-costs',
  'rating/invoices': 'calendar document fold owed totals words',
  'rating/ledger': 'burn-down owed reclassify recurring rollover',
  'rating/plans':
    'capacity charge curve glob period-adjustments plan plan-fields plan-meters proration quantities quote stated tiers',
  'rating/prices': 'in-force remembered spread terms validity',
  'rating/prices/bills': 'bill-files csv reconcile',
  'rating/prices/notices': 'notices',
  'rating/prices/updates': 'apply diff plausible price-before second-catalogue verdict',
  'rating/simulation': 'count part settle switched-costs switching tally terms',
  'receiver/open': 'holds-of',
  'schema/budgets': 'book-holds grant-lease hold-actual lease-book take-asked take-in',
  sidecar: 'bounded-map',
  'sidecar/deciding': 'decide need without-centre',
  'sidecar/doors': 'asked authzen-words kept-fields told',
  'sidecar/leases': 'first-hold hold-book lease-order open-hold',
  'sidecar/server': 'busy-poll plain-head request',
  'sidecar/view': 'counter memory recent-changes terms',
  webhooks: 'retry-delay',
}
const PURE = new Set(
  Object.entries(PURE_FILES).flatMap(([folder, names]) =>
    names.split(' ').map((name) => `${folder}/${name}.ts`),
  ),
)

const IMPURE_IMPORT = /^(node:(?!assert)|pg\b|pg-copy-streams|express|@grpc|drizzle-orm|pino|prom-client)/
const IMPURE_CALL =
  /\b(Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|setTimeout\(|setInterval\(|process\.)/

const files = tracked('*.ts', '*.mjs').filter((path) => !isGenerated(path))
const sources = files.filter((path) => !isTest(path) && !path.startsWith('bench/'))

describe('the house', () => {
  it('has no stage that imports another', () => {
    const faults: string[] = []
    for (const path of sources) {
      for (const target of relativeImports(path)) {
        const fault = directionFault(path, target)
        if (fault) faults.push(`${path} imports ${target}: ${fault}`)
      }
    }
    expect(faults).toEqual([])
  })

  it('keeps core free of everything but decimal.js', () => {
    const foreign = sources
      .filter((path) => path.startsWith('core/'))
      .flatMap((path) => packageImports(path).map((name) => `${path}: ${name}`))
      .filter((line) => !line.endsWith(': decimal.js'))
    expect(foreign).toEqual([])
  })

  it('keeps the pure files pure', () => {
    const faults = sources
      .filter((path) => PURE.has(path) || PURE_FOLDERS.some((folder) => path.startsWith(`${folder}/`)))
      .flatMap((path) => {
        const calls = code(path).match(IMPURE_CALL) ?? []
        const imports = packageImports(path).filter((name) => IMPURE_IMPORT.test(name))
        return [...calls.slice(0, 1), ...imports].map((what) => `${path}: ${what}`)
      })
    expect(faults).toEqual([])
    expect(
      [...PURE].filter((path) => !sources.includes(path)),
      'is not there',
    ).toEqual([])
  })

  it(`has no file over ${LINES_MAX} lines and a median under ${LINES_MEDIAN_MAX}`, () => {
    const sizes = files.map((path) => [lines(path), path] as const).sort((a, b) => a[0] - b[0])
    expect(sizes.filter(([size]) => size > LINES_MAX)).toEqual([])
    expect(sizes[Math.floor(sizes.length / 2)]?.[0] ?? 0).toBeLessThanOrEqual(LINES_MEDIAN_MAX)
  })

  it('names files for what they hold', () => {
    const empty = /(^|\/)(utils?|helpers?|manager|misc|common|data|info)(\.|\/|$)|V2\b/i
    expect(files.filter((path) => empty.test(path))).toEqual([])
  })

  it('promises nothing it does not keep', () => {
    const weak =
      /\b(it|test|describe)\.(skip|only|todo)\b|expect\(true\)|\bTODO\b|\bFIXME\b|not implemented|as any\b|@ts-ignore/
    const faults = files.filter((path) => path !== 'test/tidy.test.ts' && weak.test(read(path)))
    expect(faults).toEqual([])
  })

  it('writes no amount through Number', () => {
    const money = /Number\((\w+\.)*(amount|price|cogs|unitPrice|unit_price|cost|credits)\b|parseFloat\(/
    const faults = sources.filter((path) => money.test(code(path)))
    expect(faults).toEqual([])
  })

  it('has one H1 in every document', () => {
    const faults = tracked('*.md').filter((path) => headings(path) !== 1)
    expect(faults).toEqual([])
  })

  it('pins every dependency exactly and records no download address', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>
    const versions = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
      Object.entries(manifest[kind] ?? {}),
    )
    expect(versions.filter(([, version]) => !/^\d/.test(version))).toEqual([])
    expect(read('package-lock.json')).not.toMatch(/"resolved": "https?:/)
  })
})

function directionFault(path: string, target: string): string | null {
  const from = path.split('/')[0]!
  const to = target.split('/')[0]!
  if (from === to || to === 'core' || from === 'cmd') return null
  if (from === 'core') return 'core imports nothing of the house'
  if (to === 'cmd') return 'only cmd knows cmd'
  if (from === 'instrumentation') return 'an agent installs this alone: core types only'
  if (to === 'schema') return null
  return (STAGES as readonly string[]).includes(to) ? 'stages meet in core, in tables and in cmd' : null
}

function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts') || path.includes('/testing/')
}

function isGenerated(path: string): boolean {
  return path.includes('/generated/') || path.includes('/fixtures/')
}

function read(path: string): string {
  return readFileSync(path, 'utf8')
}

/** Source without comments, so that prose about clocks is no clock. */
function code(path: string): string {
  return read(path)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
}

function lines(path: string): number {
  return read(path).split('\n').length - 1
}

function specifiers(path: string): string[] {
  return [
    ...code(path).matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'"\n]*(?:\n[^'"]*?)?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!)
}

function relativeImports(path: string): string[] {
  return specifiers(path)
    .filter((name) => name.startsWith('.'))
    .map((name) => normalize(join(dirname(path), name)))
}

function packageImports(path: string): string[] {
  return specifiers(path).filter((name) => !name.startsWith('.'))
}

function headings(path: string): number {
  const prose = read(path).replace(/```[\s\S]*?```/g, '')
  return (prose.match(/^# /gm) ?? []).length
}
