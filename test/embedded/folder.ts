import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { SILENT } from '../../core/log.ts'
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../../schema/embedded/launcher.ts'

const HOLDER = fileURLToPath(new URL('./holder.ts', import.meta.url))

/** A data folder, and whatever was started on it, for one test. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'aforo-embedded-'))
  readonly #started: Embedded[] = []
  readonly #holders: ChildProcess[] = []
  readonly lines: string[] = []

  constructor(mode = 0o711) {
    chmodSync(this.path, mode)
  }

  async start(options: Partial<EmbeddedOptions> = {}): Promise<Embedded> {
    const log = { ...SILENT, info: (_: object, line: string) => void this.lines.push(line) }
    const embedded = await startEmbedded({ dataDir: this.path, log, lockWaitMs: 0, ...options })
    this.#started.push(embedded)
    return embedded
  }

  /** Another process that has the folder. */
  async hold(): Promise<{ child: ChildProcess; pid: number; url: string }> {
    const child = this.spawnHolder()
    const said = await new Promise<string>((resolve, reject) => {
      child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()))
      child.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)))
    })
    return { child, ...(JSON.parse(said) as { pid: number; url: string }) }
  }

  spawnHolder(): ChildProcess {
    const child = spawn(process.execPath, [HOLDER, this.path], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#holders.push(child)
    return child
  }

  async remove(): Promise<void> {
    for (const child of this.#holders) child.kill('SIGKILL')
    for (const embedded of this.#started) {
      await embedded.stop()
      rmSync(embedded.clusterDir, { recursive: true, force: true })
    }
    rmSync(this.path, { recursive: true, force: true })
  }
}

export async function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
