import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../deploy/files.ts'

const MANIFEST = join(ROOT, 'deploy/otelcol-builder.yaml')

/**
 * A Collector to test with: the one that AFORO_OTELCOL names, else the distribution of deploy/otelcol-builder.yaml. It
 * is built once, through Go's module proxy, and kept in the user's cache until the manifest changes.
 * @throws Error where there is neither a Collector nor Go
 */
export async function findOtelcol(): Promise<string> {
  const given = process.env.AFORO_OTELCOL
  if (given) {
    if (spawnSync(given, ['--version']).status === 0) return given
    throw new Error(`AFORO_OTELCOL=${given} is no Collector that runs here`)
  }
  const manifest = readFileSync(MANIFEST, 'utf8')
  const version = / v(0\.\d+\.\d+)$/m.exec(manifest)![1]!
  const hash = createHash('sha256').update(manifest).digest('hex').slice(0, 8)
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = join(cache, `aforo-otelcol-${version}-${hash}`)
  const binary = join(folder, '_build', process.platform === 'win32' ? 'aforo-otelcol.exe' : 'aforo-otelcol')
  if (existsSync(binary)) return binary
  refuseWithoutGo()
  await build(version, folder)
  return binary
}

function refuseWithoutGo(): void {
  if (spawnSync('go', ['version']).status === 0) return
  throw new Error(
    'these tests need an OpenTelemetry Collector: set AFORO_OTELCOL to an otelcol-contrib of 0.144 or later, ' +
      'or install Go 1.26 or later to have one built from deploy/otelcol-builder.yaml',
  )
}

/** Built beside its place and moved there when whole, so that a build broken off leaves nothing that looks done. */
async function build(version: string, folder: string): Promise<void> {
  process.stderr.write(`building the Collector ${version} into ${folder}, once; this takes minutes\n`)
  mkdirSync(join(folder, '..'), { recursive: true })
  const unfinished = mkdtempSync(`${folder}-`)
  try {
    const builder = `go.opentelemetry.io/collector/cmd/builder@v${version}`
    await run('go', ['install', builder], unfinished)
    await run(join(unfinished, 'builder'), ['--config', MANIFEST], unfinished)
    rmSync(folder, { recursive: true, force: true })
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

async function run(command: string, args: readonly string[], folder: string): Promise<void> {
  const env = { ...process.env, GOBIN: folder }
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed: the Collector was not built`)
}
