import { failureStatus, failureStatusOfText } from './failure-status.ts'
import type { WireReader } from './wire.ts'

/*
 * The fields read here, as tags (number << 3 | wire type).
 *   Span      11 events
 *   Event     2 name · 3 attributes
 *   KeyValue  1 key · 2 value
 *   AnyValue  1 string
 */
const EVENT = 0x5a
const EVENT_NAME = 0x12
const EVENT_ATTRIBUTE = 0x1a
const KEY = 0x0a
const VALUE = 0x12
const STRING_VALUE = 0x0a

const EXCEPTION = 'exception'
const EXCEPTION_BYTES = Buffer.from(EXCEPTION)
const MESSAGE = 'exception.message'
const MESSAGE_BYTES = Buffer.from(MESSAGE)

/**
 * The HTTP status that the last exception among a span's events names, 0 where there is none: of a span that failed and
 * whose status says no more than that. Reads the span's fields from `from` to `end` again, and leaves the reader at `end`.
 */
export function exceptionStatus(wire: WireReader, from: number, end: number): number {
  let status = 0
  wire.at = from
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag !== EVENT) wire.skip(tag, end)
    else status = eventStatus(wire, wire.close(end)) ?? status
  }
  return status
}

/** Undefined where the event is no exception. */
function eventStatus(wire: WireReader, end: number): number | undefined {
  let isException = false
  let status = 0
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === EVENT_NAME) isException = isText(wire, end, EXCEPTION_BYTES)
    else if (tag === EVENT_ATTRIBUTE) status = messageStatus(wire, wire.close(end)) ?? status
    else wire.skip(tag, end)
  }
  return isException ? status : undefined
}

/** Undefined where the attribute is not the exception's message. */
function messageStatus(wire: WireReader, end: number): number | undefined {
  let isMessage = false
  let status = 0
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === KEY) isMessage = isText(wire, end, MESSAGE_BYTES)
    else if (tag === VALUE) status = textStatus(wire, wire.close(end))
    else wire.skip(tag, end)
  }
  return isMessage ? status : undefined
}

function textStatus(wire: WireReader, end: number): number {
  let status = 0
  while (wire.at < end) {
    const tag = wire.tag(end)
    if (tag === STRING_VALUE) {
      const length = wire.step(end)
      status = failureStatus(wire.bytes, wire.at - length, wire.at)
    } else wire.skip(tag, end)
  }
  return status
}

function isText(wire: WireReader, end: number, text: Buffer): boolean {
  const length = wire.step(end)
  return wire.bytes.compare(text, 0, text.length, wire.at - length, wire.at) === 0
}

/** The same of events in JSON. What has another shape is passed over, as all events are elsewhere. */
export function exceptionStatusOfEvents(events: unknown): number {
  if (!Array.isArray(events)) return 0
  const exception = events.findLast((event) => event?.name === EXCEPTION)
  const attributes: unknown = exception?.attributes
  if (!Array.isArray(attributes)) return 0
  const message: unknown = attributes.findLast((each) => each?.key === MESSAGE)?.value?.stringValue
  return typeof message === 'string' ? failureStatusOfText(message) : 0
}
