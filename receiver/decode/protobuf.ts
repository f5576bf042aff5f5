import { SpanBatch } from './batch.ts'
import { SpanColumns } from './columns.ts'
import type { KeyTable } from './keys.ts'
import { readAttribute, readName, readUsualAttributes } from './protobuf-attribute.ts'
import { SpanReader } from './protobuf-span.ts'
import { WireReader } from './wire.ts'

/*
 * The fields read here, as tags (number << 3 | wire type); all others are stepped over.
 *   ExportTraceServiceRequest  1 resource_spans
 *   ResourceSpans              1 resource · 2 scope_spans
 *   Resource                   1 attributes
 *   ScopeSpans                 1 scope · 2 spans
 *   InstrumentationScope       1 name · 2 version
 */
const FIRST = 0x0a
const SECOND = 0x12

/**
 * Decodes an OTLP ExportTraceServiceRequest, keeping of its attributes only those in `keys`. Contents of others are
 * stepped over by their length: they are never looked at and never become strings. Of a key given twice the last
 * value that can be kept wins. Text that is not UTF-8 is kept with U+FFFD in it. The batch does not hold on to `body`.
 *
 * @throws AforoError `invalid_argument` for bytes that are not such a request, `body_too_large` for too many spans
 */
export function decodeProtobuf(body: Uint8Array, keys: KeyTable): SpanBatch {
  const wire = new WireReader(body)
  const columns = new SpanColumns(keys, body.length)
  const spans = new SpanReader(wire, columns)
  const end = wire.bytes.length
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === FIRST) readResourceSpans(wire, columns, spans, wire.close(end))
    else wire.skip(tag, end)
  }
  return new SpanBatch(columns)
}

function readResourceSpans(wire: WireReader, columns: SpanColumns, spans: SpanReader, end: number): void {
  columns.startResource()
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === FIRST) readResource(wire, columns, wire.close(end))
    else if (tag === SECOND) readScopeSpans(wire, columns, spans, wire.close(end))
    else wire.skip(tag, end)
  }
  columns.endResource()
}

function readResource(wire: WireReader, columns: SpanColumns, end: number): void {
  while (wire.at < end) {
    readUsualAttributes(wire, columns, columns.resourceAttributes, FIRST, end)
    if (wire.at === end) return
    const tag = wire.tag(end)
    if (tag === FIRST) readAttribute(wire, columns, columns.resourceAttributes, wire.close(end))
    else wire.skip(tag, end)
  }
}

function readScopeSpans(wire: WireReader, columns: SpanColumns, spans: SpanReader, end: number): void {
  columns.startScope()
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === SECOND) spans.read(wire.close(end))
    else if (tag === FIRST) readScope(wire, columns, wire.close(end))
    else wire.skip(tag, end)
  }
  columns.endScope()
}

function readScope(wire: WireReader, columns: SpanColumns, end: number): void {
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === FIRST) columns.nameScope(readName(wire, end))
    else if (tag === SECOND) columns.versionScope(readName(wire, end))
    else wire.skip(tag, end)
  }
}
