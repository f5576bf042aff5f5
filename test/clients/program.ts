import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, FOLDER } from './clients.ts'

/** Where a program finds its provider and where its spans go. */
export interface Surroundings {
  readonly providerUrl: string
  readonly otlpUrl: string
}

const RUN_MS_MAX = 120_000

/** Runs a client's program to its end; what it complained of where it failed, else null. */
export function runProgram(command: string, client: Client, { providerUrl, otlpUrl }: Surroundings) {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const child = spawn(command, [join(FOLDER, client.program)], {
    cwd: FOLDER,
    timeout: RUN_MS_MAX,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...inherited,
      PROVIDER_URL: providerUrl,
      GOOGLE_API_KEY: 'none',
      GOOGLE_GEMINI_BASE_URL: providerUrl,
      OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
      OTEL_RESOURCE_ATTRIBUTES: `aforo.customer.id=${client.name}`,
      PYTHONDONTWRITEBYTECODE: '1',
      ...client.env,
    },
  })
  let complaint = ''
  child.stderr.on('data', (chunk) => {
    complaint += chunk
  })
  return new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? null : complaint.trim().slice(-2_000)))
  })
}

/** The pinned versions of a client's packages, as the table shows them. */
export function versionsOf(client: Client): string {
  return client.packages.map((name) => `${name.split('/').at(-1)} ${versionOf(client, name)}`).join(', ')
}

function versionOf({ python }: Client, name: string): string | undefined {
  if (python !== undefined) {
    const pinned = readFileSync(join(FOLDER, 'python', `${python}.txt`), 'utf8')
    return new RegExp(`^${name}==(.+)$`, 'm').exec(pinned)?.[1]
  }
  const lock: Lock = JSON.parse(readFileSync(join(FOLDER, 'package-lock.json'), 'utf8'))
  return lock.packages[`node_modules/${name}`]?.version
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string } | undefined>>
}
