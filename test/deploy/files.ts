import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** The repository. */
export const ROOT = join(import.meta.dirname, '../..')

export function text(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function yaml<T>(path: string): T {
  return parse(text(path), { merge: true }) as T
}

/** What the tests read of a Collector's configuration. */
export interface CollectorConfig {
  readonly extensions: Readonly<Record<string, { readonly directory: string; readonly fsync: boolean }>>
  readonly processors: {
    readonly 'filter/genai': { readonly trace_conditions: readonly string[] }
    readonly 'transform/redact': { readonly trace_statements: readonly string[] }
  }
  readonly exporters: Readonly<Record<string, Exporter>>
  readonly service: {
    readonly extensions: readonly string[]
    readonly pipelines: Readonly<Record<string, Pipeline>>
  }
}

export interface Exporter {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly retry_on_failure: { readonly enabled: boolean; readonly max_elapsed_time: string }
  readonly sending_queue: {
    readonly storage: string
    readonly block_on_overflow: boolean
    readonly batch?: { readonly max_size: number }
  }
  readonly producer?: { readonly required_acks: number }
}

export interface Pipeline {
  readonly receivers: readonly string[]
  readonly processors: readonly string[]
  readonly exporters: readonly string[]
}

export interface Service {
  readonly image?: string
  readonly build?: string
  readonly ports?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly healthcheck?: object
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, null>>
}

/** The string literals of a statement in the Collector's transformation language, unescaped. */
export function literals(statement: string): string[] {
  return [...statement.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, body]) => body!.replace(/\\(.)/gs, '$1'))
}
