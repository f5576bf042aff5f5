import type { Span } from '../core/span.ts'
import type { SpanBatch } from '../receiver/decode/batch.ts'
import { compileKeys } from '../receiver/decode/keys.ts'
import { decodeProtobuf } from '../receiver/decode/protobuf.ts'
import { COUNTED_KEYS, KEYS } from '../receiver/dialects/keys.ts'
import {
  type CandidateName,
  type DecodeRound,
  decodeBatches,
  type PayloadName,
  SPANS,
} from './decode-candidates.ts'
import { READ, READ_OF_RESOURCE } from './decode-keys.ts'
import { staticDecoder } from './protobufjs-static.ts'

/* One candidate in a process of its own: see decode.ts. */
const WARM_UP_MS = 800

const keys = compileKeys(KEYS, COUNTED_KEYS)
const batches: Record<PayloadName, readonly Uint8Array[]> = {
  plain: decodeBatches('plain'),
  contents: decodeBatches('contents'),
}

/** What was decoded goes here, so that no decoder is found to have no effect. */
const sink: unknown[] = [undefined]

async function main(): Promise<void> {
  const decode = await candidate(process.argv[2] as CandidateName)
  for (const payload of ['plain', 'contents', 'plain', 'contents'] as const)
    run(decode, { payload, ms: WARM_UP_MS / 4 })
  process.on('message', (round: DecodeRound) => process.send?.(run(decode, round)))
  process.send?.(0)
}

async function candidate(name: CandidateName): Promise<(body: Uint8Array) => unknown> {
  switch (name) {
    case 'protobufjs':
      return await staticDecoder()
    case 'selective':
      return (body) => decodeProtobuf(body, keys)
    case 'selective-read':
      return (body) => readAll(decodeProtobuf(body, keys))
  }
}

/** CPU nanoseconds per span, of this whole process with its collector and compiler threads. */
function run(decode: (body: Uint8Array) => unknown, { payload, ms }: DecodeRound): number {
  const bodies = batches[payload]
  const before = process.cpuUsage()
  const until = performance.now() + ms
  let decoded = 0
  while (performance.now() < until) {
    for (const body of bodies) sink[0] = decode(body)
    decoded += bodies.length
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / (decoded * SPANS)
}

function readAll(batch: SpanBatch): number {
  let seen = 0
  for (let i = 0; i < batch.length; i++) seen += readOne(batch.span(i))
  return seen
}

/** As much as classifying a span asks for: where it belongs, when it was, and every wanted attribute once. */
function readOne(span: Span): number {
  sink[0] = span.startNano
  sink[0] = span.endNano
  let seen = span.traceId.length + span.spanId.length + span.parentSpanId.length + span.name.length
  seen += span.kind.length + span.scopeName.length + (span.failed ? 1 : 0)
  for (const key of READ) if (span.attribute(key) !== undefined) seen++
  for (const key of READ_OF_RESOURCE) if (span.resource(key) !== undefined) seen++
  return seen
}

await main()
