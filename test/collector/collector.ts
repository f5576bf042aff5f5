import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { ROOT } from '../deploy/files.ts'
import { within } from './wait.ts'

const SHIPPED = join(ROOT, 'otel-collector-config.yaml')
const LOG_CHARS_MAX = 1_000_000

/** A running Collector. */
export interface Collector {
  /** Where its receivers listen, at the ports of OTLP. */
  readonly host: string
  /** What it wrote so far. */
  log(): string
  /** One of its own metrics, summed over its series; 0 where there is none. */
  metric(name: string): Promise<number>
  /** Sends the signal and waits for the end. Its queue stays. */
  end(signal: NodeJS.Signals): Promise<void>
}

export interface CollectorOptions {
  /** Where it sends to: AFORO_OTLP_ENDPOINT. */
  readonly aforo: string
  /** AFORO_INGEST_KEY; an open Aforo takes any. */
  readonly key?: string
  /** Folder of its durable queue, which a later Collector may go on with. */
  readonly storage: string
  /** Laid over the shipped configuration; none: as it is shipped. */
  readonly overlay?: object
}

/** Runs the shipped otel-collector-config.yaml and waits until it takes spans. */
export async function runCollector(options: CollectorOptions): Promise<Collector> {
  const host = ownHost()
  const configs = ['--config', SHIPPED]
  if (options.overlay !== undefined) {
    const overlay = join(options.storage, '..', 'overlay.yaml')
    writeFileSync(overlay, JSON.stringify(options.overlay))
    configs.push('--config', overlay)
  }
  const child = spawn(inject('otelcol'), configs, {
    env: {
      ...process.env,
      AFORO_OTLP_ENDPOINT: options.aforo,
      AFORO_INGEST_KEY: options.key ?? 'none-needed',
      AFORO_COLLECTOR_HOST: host,
      AFORO_COLLECTOR_STORAGE: options.storage,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  const keep = (chunk: Buffer) => {
    log = (log + chunk).slice(-LOG_CHARS_MAX)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ended = once(child, 'exit')
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await ended
  }
  try {
    await within(20_000, 'the Collector is ready', async () => {
      if (child.exitCode !== null) throw new Error(`the Collector ended: ${log}`)
      const answer = await fetch(`http://${host}:13133/`).catch(() => null)
      return answer?.ok
    })
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  const metric = async (name: string) => {
    const text = await (await fetch(`http://${host}:8888/metrics`)).text()
    const series = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))]
    return series.reduce((sum, [, value]) => sum + Number(value), 0)
  }
  return { host, log: () => log, metric, end }
}

/** A folder for the durable queue, and what removes it. */
export function queueFolder(): { readonly storage: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-collector-'))
  return { storage: join(folder, 'queue'), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/**
 * The configuration fixes the ports, so each Collector has a loopback address of its own where the system has more
 * than one.
 */
function ownHost(): string {
  if (process.platform !== 'linux') return '127.0.0.1'
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(1, 255)}`
}
