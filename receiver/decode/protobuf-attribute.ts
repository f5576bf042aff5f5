import type { AttributeRuns } from './attribute-runs.ts'
import type { SpanColumns } from './columns.ts'
import { STATED_USAGE_PREFIX, UNWANTED } from './keys.ts'
import { TEXT_BYTES_MAX, UNIT_BYTES_MAX } from './limits.ts'
import { StringTable } from './strings.ts'
import type { WireReader } from './wire.ts'

/*
 * The fields read here, as tags (number << 3 | wire type). Arrays (5), maps (6) and bytes (7) are never kept.
 *   KeyValue  1 key · 2 value
 *   AnyValue  1 string · 2 bool · 3 int · 4 double
 */
const KEY = 0x0a
const VALUE = 0x12
const STRING_VALUE = 0x0a
const BOOL_VALUE = 0x10
const INT_VALUE = 0x18
const DOUBLE_VALUE = 0x21

/** Strings that came before, of all bodies: a cache, which changes no answer. */
const strings = new StringTable()

/**
 * Reads attributes, which are fields of this tag, as long as one follows the other and each is as everyone writes it:
 * less than 16 KiB, a key of less than 128 bytes, then the value, and no more. Stops before whatever is not.
 *
 * This loop is where the time of decoding goes: positions stay in locals, an unwanted attribute costs two lengths and
 * a look into the table of keys, and short texts, the most of what is wanted, skip the general way.
 */
export function readUsualAttributes(
  wire: WireReader,
  columns: SpanColumns,
  runs: AttributeRuns,
  tag: number,
  end: number,
): void {
  const { bytes, view } = wire
  const { keys } = columns
  let at = wire.at
  while (end - at > 6 && bytes[at] === tag) {
    let length = bytes[at + 1]!
    let keyTag = at + 2
    if (length >= 0x80) {
      const high = bytes[keyTag++]!
      if (high >= 0x80) break
      length = (length & 0x7f) | (high << 7)
    }
    const close = keyTag + length
    const keyBytes = bytes[keyTag + 1]!
    const valueTag = keyTag + 2 + keyBytes
    if (close > end || bytes[keyTag] !== KEY || keyBytes >= 0x80) break
    if (valueTag + 1 >= close || bytes[valueTag] !== VALUE) break

    let valueBytes = bytes[valueTag + 1]!
    let value = valueTag + 2
    if (valueBytes >= 0x80) {
      const high = bytes[value++]!
      if (high >= 0x80) break
      valueBytes = (valueBytes & 0x7f) | (high << 7)
    }
    if (value + valueBytes !== close) break

    const key = keys.find(view, keyTag + 2, keyBytes)
    if (key !== UNWANTED) {
      if (key < keys.reasoningParts && isShortText(bytes, value, valueBytes)) {
        runs.put(key, strings.text(bytes, view, value + 2, valueBytes - 2))
      } else if (key === keys.unknownUnits) {
        tellUnknownUnit(wire, columns, runs, keyTag + 2, keyBytes)
      } else {
        wire.at = value
        readValue(wire, columns, runs, key, close)
      }
    }
    at = close
  }
  wire.at = at
}

/**
 * Reads the KeyValue up to `end`, its fields in any order, with unknown ones between or one given again, and puts it
 * into `runs` where its key is wanted. Leaves the reader at `end`.
 */
export function readAttribute(
  wire: WireReader,
  columns: SpanColumns,
  runs: AttributeRuns,
  end: number,
): void {
  let key = UNWANTED
  let keyAt = 0
  let keyBytes = 0
  let valueAt = -1
  let valueEnd = -1
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === KEY) {
      keyBytes = wire.step(end)
      keyAt = wire.at - keyBytes
      key = columns.keys.find(wire.view, keyAt, keyBytes)
    } else if (tag === VALUE) {
      valueEnd = wire.close(end)
      valueAt = wire.at
      wire.at = valueEnd
    } else wire.skip(tag, end)
  }
  if (key === UNWANTED || valueAt < 0) return
  if (key === columns.keys.unknownUnits) {
    tellUnknownUnit(wire, columns, runs, keyAt, keyBytes)
    return
  }
  wire.at = valueAt
  readValue(wire, columns, runs, key, valueEnd)
  wire.at = end
}

/** A name, in full or cut at TEXT_BYTES_MAX. */
export function readName(wire: WireReader, end: number): string {
  const length = wire.step(end)
  return strings.text(wire.bytes, wire.view, wire.at - length, Math.min(length, TEXT_BYTES_MAX))
}

/** What a resource states is of no span. */
function tellUnknownUnit(
  { bytes }: WireReader,
  columns: SpanColumns,
  runs: AttributeRuns,
  at: number,
  length: number,
): void {
  const told = Math.min(length, STATED_USAGE_PREFIX.length + UNIT_BYTES_MAX + 4)
  if (runs === columns.attributes) columns.unknownUnits.add(bytes.toString('utf8', at, at + told))
}

/** Whether an AnyValue is one text of less than 128 bytes and nothing else. */
function isShortText(bytes: Buffer, at: number, length: number): boolean {
  return length >= 2 && length < 0x82 && bytes[at] === STRING_VALUE && bytes[at + 1] === length - 2
}

function readValue(
  wire: WireReader,
  columns: SpanColumns,
  runs: AttributeRuns,
  key: number,
  end: number,
): void {
  while (wire.at < end) {
    const tag = wire.tag(end)
    switch (tag) {
      case STRING_VALUE: {
        const length = wire.step(end)
        const from = wire.at - length
        if (key > columns.keys.reasoningParts) {
          if (runs === columns.attributes) columns.readContents(key, wire.bytes, from, wire.at)
        } else if (length <= TEXT_BYTES_MAX) {
          runs.put(key, strings.text(wire.bytes, wire.view, from, length))
        }
        break
      }
      case INT_VALUE: {
        const value = wire.int64(end)
        if (key < columns.keys.reasoningParts) runs.put(key, value)
        break
      }
      case DOUBLE_VALUE: {
        const from = wire.fixed64(end)
        if (key < columns.keys.reasoningParts) runs.put(key, wire.view.getFloat64(from, true))
        break
      }
      case BOOL_VALUE: {
        const truth = wire.varint(end) !== 0
        if (key < columns.keys.reasoningParts) runs.put(key, truth)
        break
      }
      default:
        wire.skip(tag, end)
    }
  }
}
