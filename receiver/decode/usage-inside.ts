import { storable } from './strings.ts'

/** Longest usage object that is kept; they have a few hundred bytes. */
export const USAGE_BYTES_MAX = 2_048

const NAMES = ['usage', 'usage_metadata', 'usageMetadata'].map((name) => Buffer.from(name))

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** LangChain's words where a message lies deep within what a model answered. Quotes inside of texts are escaped. */
const NESTED = Buffer.from('"usage_metadata":{')

/** Bytes searched here before the search is handed to native code, which is quicker only over a longer way. */
const NEAR = 32

/**
 * The usage object of a JSON object that holds contents: the text of its own member `usage`, `usage_metadata` or
 * `usageMetadata`; else that of the one `usage_metadata` anywhere within it. Null where there is none, or it is longer
 * than USAGE_BYTES_MAX, or the value was cut before it. The bytes are searched where they lie, once; no other member
 * becomes a string.
 */
export function usageInside(bytes: Buffer, from: number, to: number): string | null {
  const value = bytes.subarray(from, to)
  return ownUsage(value) ?? nestedUsage(value)
}

/** Of several messages none is the answer that the span is about. */
function nestedUsage(value: Buffer): string | null {
  const at = value.indexOf(NESTED)
  if (at === -1 || value.indexOf(NESTED, at + NESTED.length) !== -1) return null
  return objectBehind(value, at + NESTED.length - 2)
}

function ownUsage(value: Buffer): string | null {
  let depth = 0
  for (let at = 0; at < value.length; at++) {
    const byte = value[at]!
    if (byte === QUOTE) {
      const end = endOfText(value, at)
      if (depth === 1 && isUsage(value, at + 1, end)) {
        const object = objectBehind(value, end + 1)
        if (object !== null) return object
      }
      at = end
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth === 0 && byte === OPEN_ARRAY) return null
      depth++
    } else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth <= 0) return null
  }
  return null
}

/** Where the quote stands that ends the text begun at `open`; the end of the value where none does. */
function endOfText(value: Buffer, open: number): number {
  for (let at = nextQuote(value, open + 1); at >= 0; at = nextQuote(value, at + 1)) {
    let escapes = 0
    while (value[at - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return at
  }
  return value.length
}

function nextQuote(value: Buffer, at: number): number {
  const near = Math.min(at + NEAR, value.length)
  for (let i = at; i < near; i++) if (value[i] === QUOTE) return i
  return near === value.length ? -1 : value.indexOf(QUOTE, near)
}

function isUsage(value: Buffer, from: number, to: number): boolean {
  return NAMES.some(
    (name) => name.length === to - from && value.compare(name, 0, name.length, from, to) === 0,
  )
}

/** The object that is the value of the member whose name ends before `at`. */
function objectBehind(value: Buffer, at: number): string | null {
  const colon = behindSpace(value, at)
  if (value[colon] !== COLON) return null
  const open = behindSpace(value, colon + 1)
  if (value[open] !== OPEN_OBJECT) return null
  const most = Math.min(value.length, open + USAGE_BYTES_MAX)
  let depth = 0
  for (let i = open; i < most; i++) {
    const byte = value[i]!
    if (byte === QUOTE) i = endOfText(value, i)
    else if (byte === OPEN_OBJECT) depth++
    else if (byte === CLOSE_OBJECT && --depth === 0) return storable(value.toString('utf8', open, i + 1))
  }
  return null
}

function behindSpace(value: Buffer, at: number): number {
  let i = at
  while (value[i] === 0x20 || value[i] === 0x0a || value[i] === 0x0d || value[i] === 0x09) i++
  return i
}
