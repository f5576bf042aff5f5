import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../deploy/files.ts'
import { ExportTraceServiceRequest } from '../support/otlp-proto.ts'

const FOLDER = join(ROOT, 'test/recordings')

/** What a real client exported once. */
export interface Recording {
  readonly name: string
  /** Export requests as protobuf. */
  readonly requests: readonly Buffer[]
  readonly traceIds: ReadonlySet<string>
}

interface Decoded {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly spans?: readonly DecodedSpan[] }[]
  }[]
}

interface DecodedSpan {
  readonly traceId: string
  readonly attributes?: readonly KeyValue[]
  readonly events?: readonly { readonly attributes?: readonly KeyValue[] }[]
  readonly status?: { readonly message?: string }
}

interface KeyValue {
  readonly key: string
  readonly value?: unknown
}

/** A span's name in another place. */
const NAME_KEYS: ReadonlySet<string> = new Set(['operation.name'])

export function readRecordings(): readonly Recording[] {
  const truth = JSON.parse(readFileSync(join(FOLDER, 'truth.json'), 'utf8')) as Readonly<
    Record<string, { readonly requests: readonly string[] }>
  >
  return Object.entries(truth).map(([name, { requests }]) => {
    const bodies = requests.map((request) => readFileSync(join(FOLDER, request)))
    const traceIds = new Set(bodies.flatMap(spansOf).map((span) => traceIdOf(span)))
    return { name, requests: bodies, traceIds }
  })
}

/**
 * Every text of two words or more that stands in an attribute, an event or a status, also inside JSON: what people and
 * models said, and what errors quoted.
 */
export function proseOf(request: Uint8Array): ReadonlySet<string> {
  const texts = spansOf(request).flatMap((span) => {
    const pairs = [
      ...(span.attributes ?? []),
      ...(span.events ?? []).flatMap((event) => event.attributes ?? []),
    ]
    const values = pairs.filter(({ key }) => !NAME_KEYS.has(key)).map(({ value }) => value)
    return leavesOf([...values, span.status?.message])
  })
  return new Set(texts.filter((text) => /\S\s+\S/.test(text)))
}

export function spansOf(request: Uint8Array): readonly DecodedSpan[] {
  const decoded: Decoded = ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(request), {
    bytes: String,
    longs: String,
  })
  return (decoded.resourceSpans ?? []).flatMap((resource) =>
    (resource.scopeSpans ?? []).flatMap((scope) => scope.spans ?? []),
  )
}

function traceIdOf(span: DecodedSpan): string {
  return Buffer.from(span.traceId, 'base64').toString('hex')
}

/** The texts in a value. One that is JSON stands for the texts in it. */
function leavesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') {
    const inner = /^\s*[[{"]/.test(value) ? parsed(value) : undefined
    return inner === undefined ? [value] : leavesOf(inner)
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : []
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
