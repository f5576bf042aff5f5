import type { AttributeRuns } from './attribute-runs.ts'
import { ABSENT, type RejectReason, type SpanColumns, type SpanParts } from './columns.ts'
import { exceptionStatusOfEvents } from './exception-events.ts'
import { failureStatusOfText } from './failure-status.ts'
import {
  double,
  field,
  int64,
  malformed,
  objects,
  optionalEnum,
  optionalObject,
  optionalText,
  optionalUint64,
} from './json-fields.ts'
import { UNKNOWN_UNITS_KEY, UNWANTED, viewOf } from './keys.ts'
import { TEXT_BYTES_MAX } from './limits.ts'
import { countReasoningPartsOfText } from './reasoning-parts.ts'
import { cut, storable } from './strings.ts'

const TRACE_ID = /^[0-9a-fA-F]{32}$/
const SPAN_ID = /^[0-9a-fA-F]{16}$/
const CODE_ERROR = 2
const KIND_LAST = 5

/** Where the parts of a span are laid as bytes, in the form in which columns take them. */
const PLACE = { traceId: 0, spanId: 16, parentSpanId: 24, start: 32, end: 40, bytes: 48 } as const

/** Reads the spans of one parsed request, one after the other, into its columns. */
export class JsonSpanReader {
  readonly #columns: SpanColumns
  readonly #bytes = Buffer.alloc(PLACE.bytes)
  readonly #view = viewOf(this.#bytes)

  constructor(columns: SpanColumns) {
    this.#columns = columns
  }

  /** Takes or rejects the span. */
  read(span: object): void {
    const columns = this.#columns
    columns.startSpan()
    const parts = this.#parts(span)
    readJsonAttributes(span, columns, columns.attributes)
    const fault = this.#ids(span, parts)
    if (fault !== undefined) columns.rejectSpan(fault)
    else columns.addSpan(this.#view, parts)
  }

  #parts(span: object): SpanParts {
    const kind = optionalEnum(span, 'kind')
    const status = optionalObject(span, 'status')
    const message = status === undefined ? undefined : field(status, 'message')
    const failed = status !== undefined && optionalEnum(status, 'code') === CODE_ERROR
    const failureStatus = typeof message === 'string' ? failureStatusOfText(message) : 0
    this.#bytes.writeBigUInt64LE(optionalUint64(span, 'startTimeUnixNano'), PLACE.start)
    this.#bytes.writeBigUInt64LE(optionalUint64(span, 'endTimeUnixNano'), PLACE.end)
    return {
      traceId: PLACE.traceId,
      spanId: PLACE.spanId,
      parentSpanId: ABSENT,
      start: PLACE.start,
      end: PLACE.end,
      kind: kind >= 0 && kind <= KIND_LAST ? kind : 0,
      failed,
      failureStatus:
        failed && failureStatus === 0 ? exceptionStatusOfEvents(field(span, 'events')) : failureStatus,
      name: cut(storable(optionalText(span, 'name'))),
    }
  }

  /** An id that is not even text is that span's fault, not the request's. */
  #ids(span: object, parts: SpanParts): RejectReason | undefined {
    const traceId = field(span, 'traceId')
    const spanId = field(span, 'spanId')
    const parentSpanId = field(span, 'parentSpanId') ?? ''
    if (typeof traceId !== 'string' || !TRACE_ID.test(traceId)) return 'trace_id_malformed'
    if (typeof spanId !== 'string' || !SPAN_ID.test(spanId)) return 'span_id_malformed'
    this.#bytes.write(traceId, PLACE.traceId, 'hex')
    this.#bytes.write(spanId, PLACE.spanId, 'hex')
    if (parentSpanId === '') return undefined
    if (typeof parentSpanId !== 'string' || !SPAN_ID.test(parentSpanId)) return 'parent_span_id_malformed'
    this.#bytes.write(parentSpanId, PLACE.parentSpanId, 'hex')
    parts.parentSpanId = PLACE.parentSpanId
    return undefined
  }
}

/** Puts the wanted ones of `attributes` of a span or a resource. */
export function readJsonAttributes(owner: object, columns: SpanColumns, runs: AttributeRuns): void {
  for (const attribute of objects(owner, 'attributes')) {
    const name = optionalText(attribute, 'key')
    const key = columns.keys.indexOf(name)
    const value = optionalObject(attribute, 'value')
    if (key === columns.keys.unknownUnits && name !== UNKNOWN_UNITS_KEY && value !== undefined) {
      if (runs === columns.attributes) columns.unknownUnits.add(name)
      continue
    }
    if (key === UNWANTED || columns.keys.isSynthetic(key) || value === undefined) continue
    if (key < columns.keys.reasoningParts) putValue(runs, key, value)
    else if (runs === columns.attributes) readContents(columns, key, value)
  }
}

/** Arrays, maps and bytes are never kept. */
function putValue(runs: AttributeRuns, key: number, value: object): void {
  const text = field(value, 'stringValue')
  const truth = field(value, 'boolValue')
  const integer = field(value, 'intValue')
  const fraction = field(value, 'doubleValue')
  if (text !== undefined) {
    if (typeof text !== 'string') throw malformed('stringValue', 'a string')
    if (Buffer.byteLength(text) <= TEXT_BYTES_MAX) runs.put(key, storable(text))
  } else if (truth !== undefined) {
    if (typeof truth !== 'boolean') throw malformed('boolValue', 'true or false')
    runs.put(key, truth)
  } else if (integer !== undefined) {
    runs.put(key, int64(integer))
  } else if (fraction !== undefined) {
    runs.put(key, double(fraction))
  }
}

function readContents(columns: SpanColumns, key: number, value: object): void {
  const text = field(value, 'stringValue')
  if (typeof text !== 'string') return
  if (columns.keys.usageInside(key) === UNWANTED) {
    columns.reasoningParts += countReasoningPartsOfText(text)
  } else {
    const bytes = Buffer.from(text)
    columns.readContents(key, bytes, 0, bytes.length)
  }
}
