import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pbjs from 'protobufjs-cli/pbjs.js'
import { OTLP_PROTO } from '../test/support/otlp-proto.ts'

export interface ReferenceAttribute {
  key: string
  value?: {
    stringValue?: string
    boolValue?: boolean
    intValue?: { toString(): string }
    doubleValue?: number
  }
}

export interface ReferenceSpan {
  traceId: Uint8Array
  spanId: Uint8Array
  parentSpanId: Uint8Array
  name: string
  kind: number
  startTimeUnixNano: { toString(): string }
  endTimeUnixNano: { toString(): string }
  status?: { code: number }
  attributes: readonly ReferenceAttribute[]
}

export interface ReferenceRequest {
  resourceSpans: readonly {
    resource?: { attributes: readonly ReferenceAttribute[] }
    scopeSpans: readonly { scope?: { name: string; version: string }; spans: readonly ReferenceSpan[] }[]
  }[]
}

/** A span with what stands around it. */
export interface PlacedSpan {
  readonly span: ReferenceSpan
  readonly scope: { readonly name: string; readonly version: string }
  readonly resource: readonly ReferenceAttribute[]
}

/** Generates the static module `pbjs -t static-module` gives for OTLP traces, and returns its decoder of requests. */
export async function staticDecoder(): Promise<(body: Uint8Array) => ReferenceRequest> {
  // Beside this file, so that the module finds protobufjs.
  const folder = await mkdtemp(join(import.meta.dirname, '.static-'))
  try {
    const proto = join(folder, 'otlp.proto')
    const module = join(folder, 'otlp.mjs')
    await writeFile(proto, OTLP_PROTO)
    await writeFile(module, await generate(proto))
    const { default: root } = await import(pathToFileURL(module).href)
    return (body) => root.opentelemetry.proto.trace.v1.ExportTraceServiceRequest.decode(body)
  } finally {
    await rm(folder, { recursive: true })
  }
}

export function referenceSpans(request: ReferenceRequest): PlacedSpan[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        span,
        scope: scope ?? { name: '', version: '' },
        resource: resource?.attributes ?? [],
      })),
    ),
  )
}

function generate(proto: string): Promise<string> {
  const options = [
    '-t',
    'static-module',
    '-w',
    'es6',
    '--no-encode',
    '--no-verify',
    '--no-convert',
    '--no-comments',
  ]
  return new Promise((resolve, reject) => {
    pbjs.main([...options, proto], (error, output) => {
      if (error !== null || output === undefined) reject(error ?? new Error('pbjs gave no module'))
      else resolve(output)
    })
  })
}
