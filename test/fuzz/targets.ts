import { readdirSync, readFileSync } from 'node:fs'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { Dice } from '../../bench/dice.ts'
import { AforoError } from '../../core/errors.ts'
import type { Usage } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import type { SpanBatch } from '../../receiver/decode/batch.ts'
import { decodeJson } from '../../receiver/decode/json.ts'
import { compileKeys } from '../../receiver/decode/keys.ts'
import { decodeProtobuf } from '../../receiver/decode/protobuf.ts'
import { DEFAULT_ATTRIBUTION } from '../../receiver/dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../../receiver/dialects/keys.ts'
import { toUsage } from '../../receiver/dialects/normalise.ts'
import { framed, MessageBuffer } from '../../receiver/otlp/grpc-message.ts'
import { InFlight } from '../../receiver/otlp/in-flight.ts'
import { inflate } from '../../receiver/otlp/inflate.ts'
import { ExportTraceServiceRequest } from '../support/otlp-proto.ts'
import { mutated, randomBytes } from './mutate.ts'

/** Takes one body that a draw made. Rejects, or throws, where it was not taken or refused as it should be. */
export type Target = (dice: Dice) => void | Promise<void>

const BODY_BYTES_MAX = 4 * 1024 * 1024
const NOW = 1_790_000_000_000_000_000n
const REFUSALS: ReadonlySet<string> = new Set(['invalid_argument', 'body_too_large', 'unavailable'])

const keys = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)
const inFlight = new InFlight(64 * 1024 * 1024)
const protobuf = recordings()
const json = protobuf.map(jsonOf)
const packed = protobuf.flatMap((body) => [gzipSync(body), zstdCompressSync(body), deflateSync(body)])
/** Much of nothing: a little body that comes to far more than the bound. */
const bombs = [gzipSync, zstdCompressSync, deflateSync].map((pack) => pack(Buffer.alloc(16 * BODY_BYTES_MAX)))
const messages = protobuf.map((body) => framed(Buffer.from(body)))

export const TARGETS: Readonly<Record<string, Target>> = {
  protobuf: (dice) => taken(() => usagesOf(decodeProtobuf(mutated(dice, protobuf), keys))),
  json: (dice) => taken(() => usagesOf(decodeJson(mutated(dice, json), keys))),
  async inflate(dice) {
    const corpus = dice.under(10) === 0 ? bombs : packed
    const body = Buffer.from(dice.under(30) === 0 ? dice.pick(corpus) : mutated(dice, corpus))
    const reservation = inFlight.open()
    try {
      const coding = dice.pick(['gzip', 'zstd', 'deflate'])
      const inflated = await inflate(body, coding, BODY_BYTES_MAX, reservation)
      if (inflated.length > BODY_BYTES_MAX) throw new RangeError(`inflated to ${inflated.length} bytes`)
      taken(() => usagesOf(decodeProtobuf(inflated, keys)))
    } catch (error) {
      refused(error)
    } finally {
      reservation.release()
    }
    if (inFlight.bytes !== 0) throw new RangeError(`${inFlight.bytes} bytes are still reserved`)
  },
  framing(dice) {
    const message = Buffer.from(mutated(dice, messages))
    const reservation = inFlight.open()
    try {
      const buffer = new MessageBuffer(BODY_BYTES_MAX, reservation)
      taken(() => {
        for (let at = 0; at < message.length; ) {
          const length = dice.between(1, 1 + dice.under(message.length))
          buffer.add(message.subarray(at, at + length))
          at += length
        }
        usagesOf(decodeProtobuf(buffer.end().bytes, keys))
      })
    } finally {
      reservation.release()
    }
  },
}

function taken(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    refused(error)
  }
}

/** Throws what is none of our refusals again. */
function refused(error: unknown): void {
  if (!(error instanceof AforoError && REFUSALS.has(error.code))) throw error
}

/** Everything of a request, as the receiver and the cut would read it. */
function usagesOf(batch: SpanBatch): void {
  const traces = new Map<string, Usage[]>()
  for (let i = 0; i < batch.length; i++) {
    const usage = toUsage(batch.span(i), DEFAULT_ATTRIBUTION)
    const known = traces.get(usage.traceId)
    if (known === undefined) traces.set(usage.traceId, [usage])
    else known.push(usage)
  }
  for (const usages of traces.values()) assemble(usages, { now: NOW })
}

function recordings(): readonly Uint8Array[] {
  const folder = new URL('../recordings/', import.meta.url)
  const names = readdirSync(folder).filter((name) => name.endsWith('.bin'))
  return [...names.map((name) => readFileSync(new URL(name, folder))), randomBytes(new Dice(0), 64)]
}

function jsonOf(body: Uint8Array): Uint8Array {
  try {
    const request = ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(body), {
      longs: String,
    })
    return Buffer.from(
      JSON.stringify(request, (name, value: unknown) => (IDS.has(name) ? hexOf(value) : value)),
    )
  } catch {
    return Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}')
  }
}

const IDS: ReadonlySet<string> = new Set(['traceId', 'spanId', 'parentSpanId'])

/** A Buffer has become its JSON form by the time it is asked for. */
function hexOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  const { data } = value as { data?: number[] }
  return data === undefined ? value : Buffer.from(data).toString('hex')
}
