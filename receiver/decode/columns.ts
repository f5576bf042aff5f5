import { AforoError } from '../../core/errors.ts'
import { AttributeRuns } from './attribute-runs.ts'
import { type KeyTable, UNWANTED } from './keys.ts'
import { SPANS_PER_REQUEST_MAX } from './limits.ts'
import { countReasoningParts } from './reasoning-parts.ts'
import { UnknownUnits } from './unknown-units.ts'
import { usageInside } from './usage-inside.ts'

/** Why a span cannot be taken: without sound ids it can neither be counted once nor put into its trace. */
export type RejectReason =
  | 'trace_id_malformed'
  | 'trace_id_zero'
  | 'span_id_malformed'
  | 'span_id_zero'
  | 'parent_span_id_malformed'

export interface RejectedSpan {
  /** Place of the span in its request, counted from 0 over all resources and scopes. */
  readonly index: number
  readonly reason: RejectReason
}

/**
 * A row of 64 bytes per span, little-endian:
 *   0 trace id (16) · 16 span id (8) · 24 parent span id (8, zero for a root) · 32 start · 40 end (u64 each)
 *   48 scope · 52 first attribute · 56 attribute behind the last · 60 kind, FAILED and the status of a failure (u32 each)
 */
export const ROW = {
  bytes: 64,
  traceId: 0,
  spanId: 16,
  parentSpanId: 24,
  start: 32,
  end: 40,
  scope: 48,
  attributesFrom: 52,
  attributesTo: 56,
  shape: 60,
} as const

/** Bit of `shape` above the kind. */
export const FAILED = 8
/** Above it the HTTP status of a failure, 0 where none is known. */
export const FAILURE_STATUS_SHIFT = 4

/** Where a decoder found the fixed parts of one span: byte offsets, ABSENT where the field was not there. */
export interface SpanParts {
  traceId: number
  spanId: number
  parentSpanId: number
  start: number
  end: number
  kind: number
  failed: boolean
  /** 0 where none is known. */
  failureStatus: number
  name: string
}

export const ABSENT = -1

/** Columns begin with room for a span per 512 bytes of the body, at most so many, with so many kept attributes each. */
const EXPECTED_SPANS_MAX = 512
const EXPECTED_ATTRIBUTES = 8

/** The spans of one request while and after they are decoded. One decoder fills it, then a SpanBatch reads it. */
export class SpanColumns {
  readonly keys: KeyTable
  readonly attributes: AttributeRuns
  readonly resourceAttributes = new AttributeRuns(16)
  readonly rejected: RejectedSpan[] = []
  readonly names: string[]
  readonly scopeNames: string[] = []
  readonly scopeVersions: string[] = []
  /** Resource of each scope. */
  readonly scopeResources: number[] = []
  /** First resource attribute of each resource; its run ends where the next begins. */
  readonly resourcesFrom: number[] = []
  rows: DataView
  count = 0
  /** Reasoning parts seen in the contents of the span being read. */
  reasoningParts = 0
  /** Units the span being read states usage of and nobody knows. */
  readonly unknownUnits = new UnknownUnits()
  #scopeFrom = 0

  constructor(keys: KeyTable, bodyBytes: number) {
    this.keys = keys
    const expected = Math.min(Math.max(bodyBytes >> 9, 4), EXPECTED_SPANS_MAX)
    this.rows = new DataView(new ArrayBuffer(expected * ROW.bytes))
    this.names = new Array<string>(expected)
    this.attributes = new AttributeRuns(expected * EXPECTED_ATTRIBUTES)
  }

  startResource(): void {
    this.resourcesFrom.push(this.resourceAttributes.startRun())
  }

  /** Forgets a resource without spans: there may be millions of empty ones in a body. */
  endResource(): void {
    if (this.scopeResources.at(-1) === this.resourcesFrom.length - 1) return
    this.resourcesFrom.pop()
    this.resourceAttributes.dropRun()
  }

  startScope(): void {
    this.#scopeFrom = this.count
    this.scopeNames.push('')
    this.scopeVersions.push('')
    this.scopeResources.push(this.resourcesFrom.length - 1)
  }

  /** Forgets a scope without spans. */
  endScope(): void {
    if (this.count > this.#scopeFrom) return
    this.scopeNames.pop()
    this.scopeVersions.pop()
    this.scopeResources.pop()
  }

  /** Tells what the current scope is called; may come before or after its spans. */
  nameScope(name: string): void {
    this.scopeNames[this.scopeNames.length - 1] = name
  }

  versionScope(version: string): void {
    this.scopeVersions[this.scopeVersions.length - 1] = version
  }

  /** Opens the attribute run of the next span, and refuses the request that holds too many. */
  startSpan(): void {
    if (this.count + this.rejected.length === SPANS_PER_REQUEST_MAX) {
      throw new AforoError('body_too_large', `more than ${SPANS_PER_REQUEST_MAX} spans in one request`)
    }
    this.reasoningParts = 0
    this.unknownUnits.clear()
    this.attributes.startRun()
  }

  /** Reads an attribute with contents, of which a number or a usage object is kept. `key` is that of the attribute. */
  readContents(key: number, bytes: Buffer, from: number, to: number): void {
    const inside = this.keys.usageInside(key)
    if (inside === UNWANTED) this.reasoningParts += countReasoningParts(bytes, from, to)
    else {
      const usage = usageInside(bytes, from, to)
      if (usage !== null) this.attributes.put(inside, usage)
    }
  }

  /** Takes the span whose attributes were just read. `source` holds its parts, ids of the right length. */
  addSpan(source: DataView, parts: SpanParts): void {
    if (isZero(source, parts.traceId, 16)) this.rejectSpan('trace_id_zero')
    else if (isZero(source, parts.spanId, 8)) this.rejectSpan('span_id_zero')
    else this.#append(source, parts)
  }

  rejectSpan(reason: RejectReason): void {
    this.rejected.push({ index: this.count + this.rejected.length, reason })
    this.attributes.dropRun()
  }

  #append(source: DataView, parts: SpanParts): void {
    if (this.reasoningParts > 0) this.attributes.putBeyondLimit(this.keys.reasoningParts, this.reasoningParts)
    const { told } = this.unknownUnits
    if (told !== null) this.attributes.putBeyondLimit(this.keys.unknownUnits, told)
    if ((this.count + 1) * ROW.bytes > this.rows.byteLength) this.#grow()
    const { rows } = this
    const row = this.count * ROW.bytes
    copy(source, parts.traceId, rows, row + ROW.traceId, 16)
    copy(source, parts.spanId, rows, row + ROW.spanId, 8)
    if (parts.parentSpanId !== ABSENT) copy(source, parts.parentSpanId, rows, row + ROW.parentSpanId, 8)
    if (parts.start !== ABSENT) copy(source, parts.start, rows, row + ROW.start, 8)
    if (parts.end !== ABSENT) copy(source, parts.end, rows, row + ROW.end, 8)
    rows.setInt32(row + ROW.scope, this.scopeNames.length - 1, true)
    rows.setInt32(row + ROW.attributesFrom, this.attributes.runFrom, true)
    rows.setInt32(row + ROW.attributesTo, this.attributes.count, true)
    const shape = parts.kind | (parts.failureStatus << FAILURE_STATUS_SHIFT)
    rows.setInt32(row + ROW.shape, parts.failed ? shape | FAILED : shape, true)
    this.names[this.count] = parts.name
    this.count++
  }

  #grow(): void {
    const larger = new Uint8Array(this.rows.byteLength * 2)
    larger.set(new Uint8Array(this.rows.buffer))
    this.rows = new DataView(larger.buffer)
  }
}

function isZero(source: DataView, at: number, length: number): boolean {
  for (let i = 0; i < length; i += 4) if (source.getInt32(at + i, true) !== 0) return false
  return true
}

function copy(source: DataView, at: number, target: DataView, to: number, length: number): void {
  for (let i = 0; i < length; i += 4) target.setInt32(to + i, source.getInt32(at + i, true), true)
}
