import { firstWord } from './keys.ts'
import { TEXT_BYTES_MAX } from './limits.ts'

const ENTRIES = 8_192
const ENTRY_BYTES = 64
const FIRST_MIX = 0x9e3779b1
const MIDDLE_MIX = 0xc2b2ae35
const LAST_MIX = 0x85ebca6b

/**
 * Strings of short byte runs, remembered: span names, models and scopes come again and again, and finding one here
 * costs a fifth of making it. One direct-mapped table of fixed size; a newcomer takes the place of the older text.
 */
export class StringTable {
  readonly #bytes = new DataView(new ArrayBuffer(ENTRIES * ENTRY_BYTES))
  readonly #lengths = new Uint8Array(ENTRIES)
  readonly #texts: string[] = new Array<string>(ENTRIES).fill('')

  /** The text of `length` bytes at `at`; `view` and `bytes` are the same memory. */
  text(bytes: Buffer, view: DataView, at: number, length: number): string {
    if (length > ENTRY_BYTES) return textOfBytes(bytes, at, length)
    if (length === 0) return ''
    const slot = hash(view, at, length) & (ENTRIES - 1)
    if (this.#lengths[slot] === length && this.#holds(slot, view, at, length)) return this.#texts[slot]!
    return this.#remember(slot, bytes, view, at, length)
  }

  #holds(slot: number, view: DataView, at: number, length: number): boolean {
    const own = slot * ENTRY_BYTES
    if (length < 4) return this.#bytes.getInt32(own, true) === firstWord(view, at, length)
    for (let i = 0; i < length - 4; i += 4) {
      if (this.#bytes.getInt32(own + i, true) !== view.getInt32(at + i, true)) return false
    }
    return this.#bytes.getInt32(own + length - 4, true) === view.getInt32(at + length - 4, true)
  }

  #remember(slot: number, bytes: Buffer, view: DataView, at: number, length: number): string {
    const own = slot * ENTRY_BYTES
    if (length < 4) this.#bytes.setInt32(own, firstWord(view, at, length), true)
    else {
      for (let i = 0; i < length - 4; i += 4) this.#bytes.setInt32(own + i, view.getInt32(at + i, true), true)
      this.#bytes.setInt32(own + length - 4, view.getInt32(at + length - 4, true), true)
    }
    this.#lengths[slot] = length
    const text = textOfBytes(bytes, at, length)
    this.#texts[slot] = text
    return text
  }
}

/**
 * The text as it may be stored: lone surrogates and NUL become U+FFFD, since PostgreSQL takes neither and one such
 * character would keep a whole batch from being journaled.
 */
export function storable(text: string): string {
  return withoutNul(text.isWellFormed() ? text : text.toWellFormed())
}

/** A name cut to TEXT_BYTES_MAX bytes of UTF-8. */
export function cut(text: string): string {
  if (text.length * 3 <= TEXT_BYTES_MAX) return text
  const bytes = Buffer.from(text)
  return bytes.length <= TEXT_BYTES_MAX ? text : storable(bytes.toString('utf8', 0, TEXT_BYTES_MAX))
}

function textOfBytes(bytes: Buffer, at: number, length: number): string {
  return withoutNul(bytes.toString('utf8', at, at + length))
}

function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

/** Of the length and three words only: texts alike in those take each other's place, which is seldom and harmless. */
function hash(view: DataView, at: number, length: number): number {
  if (length < 4) return firstWord(view, at, length)
  const first = view.getInt32(at, true)
  const middle = view.getInt32(at + (length >> 1) - 2, true)
  const last = view.getInt32(at + length - 4, true)
  const mixed =
    Math.imul(first, FIRST_MIX) ^ Math.imul(middle ^ length, MIDDLE_MIX) ^ Math.imul(last, LAST_MIX)
  return mixed ^ (mixed >>> 15)
}
