import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Client, FOLDER } from './clients.ts'
import type { Command } from './install.ts'

/** Where a program finds its provider and where its spans go. */
export interface Surroundings {
  readonly providerUrl: string
  readonly otlpUrl: string
}

const RUN_MS_MAX = 120_000

/** Runs a client's program to its end; what it complained of where it failed, else null. */
export function runProgram(
  { command, args }: Command,
  client: Client,
  { providerUrl, otlpUrl }: Surroundings,
) {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const program = client.built === undefined ? [join(FOLDER, client.program)] : args
  const child = spawn(command, program, {
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
  return client.packages.map((name) => `${shortName(name)} ${versionOf(client, name)}`).join(', ')
}

/** Modules of Go end in what says less than the word before it. */
function shortName(name: string): string | undefined {
  return name
    .split('/')
    .filter((word) => !/^(?:go|v\d+)$/.test(word))
    .at(-1)
}

function versionOf({ python, built, program }: Client, name: string): string | undefined {
  if (built === 'go') return pinnedIn(`${program}/go.mod`, `^\\s*(?:require )?${name} v(\\S+)`)
  if (built === 'java') return pinnedIn(`${program}/pom.xml`, `<${name}.version>([^<]+)<`)

  if (python !== undefined) {
    return pinnedIn(`python/${python}.txt`, `^${name}==(.+)$`)
  }
  const lock: Lock = JSON.parse(readFileSync(join(FOLDER, 'package-lock.json'), 'utf8'))
  const ownFirst = [`${dirname(program)}/node_modules/${name}`, `node_modules/${name}`]
  return ownFirst.map((path) => lock.packages[path]).find((found) => found !== undefined)?.version
}

function pinnedIn(file: string, pattern: string): string | undefined {
  return new RegExp(pattern, 'm').exec(readFileSync(join(FOLDER, file), 'utf8'))?.[1]
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string } | undefined>>
}
