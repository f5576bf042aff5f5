import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** A project that installs the package: below our own, so that what the package depends on is found there. */
let project: string
let installed: string

beforeAll(() => {
  mkdirSync('.aforo', { recursive: true })
  project = mkdtempSync(join('.aforo', 'scratch-'))
  const packed = execFileSync(process.execPath, ['deploy/pack-instrumentation.ts', project], {
    encoding: 'utf8',
  })
  installed = join(project, 'node_modules', 'aforo')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['xzf', packed.trim(), '-C', installed, '--strip-components', '1'])
})
afterAll(() => rmSync(project, { recursive: true, force: true }))

const PROGRAM = `
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace'
import { guard, metered, start, workSignal } from 'aforo/instrumentation'

const exporter = new InMemorySpanExporter()
const tracing = start({ serviceName: 'scratch', exporter, check: { endpoint: 'http://127.0.0.1:9', timeoutMs: 50 } })

class Desk {
  @metered({ agent: 'desk', customer: 'acme', session: 's1', guard: true })
  async answer(question: string): Promise<string> {
    return guard({ model: 'm' }, async (signal) => question + String(signal.aborted || workSignal().aborted))
  }

  @metered({ customer: 'acme' })
  greet(name: string): string {
    return 'hello ' + name
  }
}

const answer: string = await new Desk().answer('why ')
const greeting: string = new Desk().greet('Ann')
await tracing.flush()
const spans = exporter.getFinishedSpans().map(({ name, attributes }) => [name, attributes['aforo.customer.id']])
await tracing.shutdown()
console.log(JSON.stringify({ answer, greeting, spans }))
`

test('a scratch project installs the package, compiles strictly against its types and runs', () => {
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  writeFileSync(join(project, 'program.ts'), PROGRAM)
  const settings = { strict: true, target: 'es2022', module: 'nodenext', types: ['node'], outDir: 'out' }
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: settings, include: ['program.ts'] }),
  )
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project])
  const printed = execFileSync(process.execPath, [join(project, 'out', 'program.js')], { encoding: 'utf8' })
  expect(JSON.parse(printed)).toEqual({
    // The check endpoint is away, and the guard was not told to refuse then.
    answer: 'why false',
    greeting: 'hello Ann',
    spans: [
      ['invoke_agent desk', 'acme'],
      ['invoke_agent greet', 'acme'],
    ],
  })
})

test('it asks for the Node and the OpenTelemetry that what it depends on asks for', () => {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
  const { engines, dependencies, peerDependencies } = read(join(installed, 'package.json'))
  for (const name of Object.keys(dependencies)) {
    const needs = read(join('node_modules', name, 'package.json'))
    expect(atLeast(engines.node), name).toBeGreaterThanOrEqual(atLeast(needs.engines.node))
    const api = needs.peerDependencies?.['@opentelemetry/api'] ?? needs.dependencies?.['@opentelemetry/api']
    if (api === undefined) continue
    expect(atLeast(peerDependencies['@opentelemetry/api']), name).toBeGreaterThanOrEqual(atLeast(api))
  }
})

/** Of a range the oldest version, as a number that can be compared. */
function atLeast(range: string): number {
  const [major, minor = '0', patch = '0'] = /\d+(\.\d+)*/.exec(range)![0].split('.')
  return Number(major) * 1e6 + Number(minor) * 1e3 + Number(patch)
}

test('wrong use does not compile', () => {
  writeFileSync(
    join(project, 'program.ts'),
    `import { metered } from 'aforo/instrumentation'
     export const sync = metered({ customer: 'acme', guard: true }, (n: number) => n)`,
  )
  expect(() =>
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], { stdio: 'pipe' }),
  ).toThrow()
})

test('no public type is `any`', () => {
  const folder = join(installed, 'instrumentation')
  const types = readdirSync(folder).filter((file) => file.endsWith('.d.ts'))
  expect(types.length).toBeGreaterThan(5)
  for (const file of types) {
    const code = readFileSync(join(folder, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
    expect(code, file).not.toMatch(/\bany\b/)
  }
})
