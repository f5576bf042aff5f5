import { ABSENT, type SpanColumns, type SpanParts } from './columns.ts'
import { readAttribute, readName, readUsualAttributes } from './protobuf-attribute.ts'
import type { WireReader } from './wire.ts'

/*
 * The fields read here, as tags (number << 3 | wire type). Events (11) and links (13) are stepped over.
 *   Span    1 trace_id · 2 span_id · 4 parent_span_id · 5 name · 6 kind · 7 start_time_unix_nano ·
 *           8 end_time_unix_nano · 9 attributes · 15 status
 *   Status  3 code
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
    name: '',
  }
  #traceIdBytes = 0
  #spanIdBytes = 0
  #parentSpanIdBytes = 0

  constructor(wire: WireReader, columns: SpanColumns) {
    this.#wire = wire
    this.#columns = columns
  }

  /** Reads the span from where the reader stands up to `end`, and takes or rejects it. */
  read(end: number): void {
    const columns = this.#columns
    columns.startSpan()
    this.#readFields(end)
    if (this.#traceIdBytes !== 16) columns.rejectSpan('trace_id_malformed')
    else if (this.#spanIdBytes !== 8) columns.rejectSpan('span_id_malformed')
    else if (this.#parentSpanIdBytes !== 8 && this.#parentSpanIdBytes !== 0) {
      columns.rejectSpan('parent_span_id_malformed')
    } else columns.addSpan(this.#wire.view, this.#parts)
  }

  #readFields(end: number): void {
    const wire = this.#wire
    const parts = this.#parts
    this.#clear()
    while (wire.at < end) {
      if (wire.bytes[wire.at] === ATTRIBUTE) {
        readUsualAttributes(wire, this.#columns, this.#columns.attributes, ATTRIBUTE, end)
        if (wire.at === end) return
      }
      const tag = wire.tag(end)
      switch (tag) {
        case ATTRIBUTE:
          readAttribute(wire, this.#columns, this.#columns.attributes, wire.close(end))
          break
        case TRACE_ID:
          this.#traceIdBytes = wire.step(end)
          parts.traceId = wire.at - this.#traceIdBytes
          break
        case SPAN_ID:
          this.#spanIdBytes = wire.step(end)
          parts.spanId = wire.at - this.#spanIdBytes
          break
        case PARENT_SPAN_ID:
          this.#parentSpanIdBytes = wire.step(end)
          parts.parentSpanId = this.#parentSpanIdBytes === 0 ? ABSENT : wire.at - this.#parentSpanIdBytes
          break
        case NAME:
          parts.name = readName(wire, end)
          break
        case KIND: {
          const kind = wire.varint(end)
          parts.kind = kind <= KIND_LAST ? kind : 0
          break
        }
        case START:
          parts.start = wire.fixed64(end)
          break
        case END:
          parts.end = wire.fixed64(end)
          break
        case STATUS:
          this.#readStatus(wire.close(end))
          break
        default:
          wire.skip(tag, end)
      }
    }
  }

  #readStatus(end: number): void {
    const wire = this.#wire
    while (wire.at < end) {
      const tag = wire.tag(end)
      if (tag === STATUS_CODE) this.#parts.failed = wire.varint(end) === CODE_ERROR
      else wire.skip(tag, end)
    }
  }

  #clear(): void {
    const parts = this.#parts
    parts.traceId = ABSENT
    parts.spanId = ABSENT
    parts.parentSpanId = ABSENT
    parts.start = ABSENT
    parts.end = ABSENT
    parts.kind = 0
    parts.failed = false
    parts.name = ''
    this.#traceIdBytes = 0
    this.#spanIdBytes = 0
    this.#parentSpanIdBytes = 0
  }
}
