import { ABSENT, type SpanColumns, type SpanParts } from './columns.ts'
import { exceptionStatus } from './exception-events.ts'
import { failureStatus } from './failure-status.ts'
import { readAttribute, readName, readUsualAttributes } from './protobuf-attribute.ts'
import type { WireReader } from './wire.ts'

/*
 * The fields read here, as tags (number << 3 | wire type). Links (13) are stepped over, and events (11) unless the span
 * failed without saying how.
 *   Span    1 trace_id · 2 span_id · 4 parent_span_id · 5 name · 6 kind · 7 start_time_unix_nano ·
 *           8 end_time_unix_nano · 9 attributes · 15 status
 *   Status  2 message, of which a number is kept · 3 code
 */
const TRACE_ID = 0x0a
const SPAN_ID = 0x12
const PARENT_SPAN_ID = 0x22
const NAME = 0x2a
const KIND = 0x30
const START = 0x39
const END = 0x41
const ATTRIBUTE = 0x4a
const STATUS = 0x7a
const STATUS_MESSAGE = 0x12
const STATUS_CODE = 0x18

const CODE_ERROR = 2
const KIND_LAST = 5

/** Reads Span messages of one body, one after the other, into its columns. */
export class SpanReader {
  readonly #wire: WireReader
  readonly #columns: SpanColumns
  readonly #parts: SpanParts = {
    traceId: ABSENT,
    spanId: ABSENT,
    parentSpanId: ABSENT,
    start: ABSENT,
    end: ABSENT,
    kind: 0,
    failed: false,
    failureStatus: 0,
    name: '',
  }
  #failed = false
  #failureStatus = 0

  constructor(wire: WireReader, columns: SpanColumns) {
    this.#wire = wire
    this.#columns = columns
  }

  /** Reads the span from where the reader stands up to `end`, and takes or rejects it. */
  read(end: number): void {
    const wire = this.#wire
    const columns = this.#columns
    const { attributes } = columns
    const { bytes } = wire
    let traceId = ABSENT
    let traceIdBytes = 0
    let spanId = ABSENT
    let spanIdBytes = 0
    let parentSpanId = ABSENT
    let parentSpanIdBytes = 0
    let start = ABSENT
    let stop = ABSENT
    let kind = 0
    let name = ''
    this.#failed = false
    this.#failureStatus = 0
    columns.startSpan()
    const from = wire.at
    while (wire.at < end) {
      if (bytes[wire.at] === ATTRIBUTE) {
        readUsualAttributes(wire, columns, attributes, ATTRIBUTE, end)
        if (wire.at === end) break
      }
      const tag = wire.tag(end)
      switch (tag) {
        case ATTRIBUTE:
          readAttribute(wire, columns, attributes, wire.close(end))
          break
        case TRACE_ID:
          traceIdBytes = wire.step(end)
          traceId = wire.at - traceIdBytes
          break
        case SPAN_ID:
          spanIdBytes = wire.step(end)
          spanId = wire.at - spanIdBytes
          break
        case PARENT_SPAN_ID:
          parentSpanIdBytes = wire.step(end)
          parentSpanId = wire.at - parentSpanIdBytes
          break
        case NAME:
          name = readName(wire, end)
          break
        case KIND:
          kind = wire.varint(end)
          break
        case START:
          start = wire.fixed64(end)
          break
        case END:
          stop = wire.fixed64(end)
          break
        case STATUS:
          this.#readStatus(wire.close(end))
          break
        default:
          wire.skip(tag, end)
      }
    }
    if (this.#failed && this.#failureStatus === 0) this.#failureStatus = exceptionStatus(wire, from, end)
    if (traceIdBytes !== 16) columns.rejectSpan('trace_id_malformed')
    else if (spanIdBytes !== 8) columns.rejectSpan('span_id_malformed')
    else if (parentSpanIdBytes !== 8 && parentSpanIdBytes !== 0)
      columns.rejectSpan('parent_span_id_malformed')
    else {
      const parts = this.#parts
      parts.traceId = traceId
      parts.spanId = spanId
      parts.parentSpanId = parentSpanIdBytes === 0 ? ABSENT : parentSpanId
      parts.start = start
      parts.end = stop
      parts.kind = kind <= KIND_LAST ? kind : 0
      parts.failed = this.#failed
      parts.failureStatus = this.#failureStatus
      parts.name = name
      columns.addSpan(wire.view, parts)
    }
  }

  #readStatus(end: number): void {
    const wire = this.#wire
    while (wire.at < end) {
      const tag = wire.tag(end)
      if (tag === STATUS_CODE) this.#failed = wire.varint(end) === CODE_ERROR
      else if (tag === STATUS_MESSAGE) {
        const length = wire.step(end)
        this.#failureStatus = failureStatus(wire.bytes, wire.at - length, wire.at)
      } else wire.skip(tag, end)
    }
  }
}
