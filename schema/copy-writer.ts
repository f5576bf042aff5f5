import type { Decimal } from '../core/money.ts'
import { shortName } from '../core/short-name.ts'
import { AmountDigits, numericDigits } from './numeric.ts'

/** Text beyond this is cut: ids and names that long are no ids, and an index row must hold them. */
export const TEXT_CHARACTERS_MAX = 512

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const NUL = '\0'
const TWO_32 = 4_294_967_296
const NULL_FIELD = -1
const BYTES_PER_CHARACTER_MAX = 3
const SHORT_CHARACTERS = 48
const ASCII_MAX = 0x7f
/** Whole numbers of so many digits are exact as they are. */
const EXACT_DIGITS = 15
const BYTEA_OID = 17
const TEXT_OID = 25
/** Microseconds from 1970 to 2000, where PostgreSQL begins to count. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000

/**
 * Writes rows in PostgreSQL's binary COPY format into one growing buffer: no object per field, no chunk per row.
 * A row is `row(fields)` followed by exactly that many fields.
 */
export class CopyWriter {
  #bytes: Buffer
  #view: DataView
  #at = 0
  readonly #digits = new AmountDigits()

  constructor(bytesExpected: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(64, bytesExpected))
    this.#view = new DataView(this.#bytes.buffer)
    SIGNATURE.copy(this.#bytes)
    this.#at = SIGNATURE.length
  }

  /** Where the next byte goes. Rows written before never move. */
  get position(): number {
    return this.#at
  }

  /** The memory written to. Ask again after each write: growing replaces it. */
  get view(): DataView {
    return this.#view
  }

  /** Bytes that it has room for. */
  get capacity(): number {
    return this.#bytes.length
  }

  /** Forgets all rows and writes over them. */
  rewind(): void {
    this.#at = SIGNATURE.length
  }

  row(fields: number): void {
    this.#reserve(2)
    this.#view.setInt16(this.#at, fields)
    this.#at += 2
  }

  none(): void {
    this.#reserve(4)
    this.#view.setInt32(this.#at, NULL_FIELD)
    this.#at += 4
  }

  boolean(value: boolean): void {
    this.#header(1)
    this.#bytes[this.#at++] = value ? 1 : 0
  }

  integer(value: number | null): void {
    if (value === null) {
      this.none()
      return
    }
    this.#header(4)
    this.#view.setInt32(this.#at, value)
    this.#at += 4
  }

  /** A whole number of magnitude below 2^53, as int8. */
  whole(value: number | null): void {
    if (value === null) this.none()
    else this.bits(Math.floor(value / TWO_32), value)
  }

  /** An int8 by its halves, of which the low 32 bits count. */
  bits(high: number, low: number): void {
    this.#header(8)
    this.#view.setInt32(this.#at, high)
    this.#view.setUint32(this.#at + 4, low)
    this.#at += 8
  }

  /** An unsigned 64-bit number as the int8 of the same bits. */
  unsigned(value: bigint): void {
    this.#header(8)
    this.#view.setBigUint64(this.#at, value)
    this.#at += 8
  }

  /** Bytes given in hex; null where there are none. */
  hex(digits: string): void {
    if (digits === '') {
      this.none()
      return
    }
    this.#header(digits.length >> 1)
    this.#at += this.#bytes.write(digits, this.#at, 'hex')
  }

  /** Any int8 given as text. */
  bigint(digits: string | null): void {
    if (digits === null) this.none()
    else if (digits.length <= EXACT_DIGITS) this.whole(Number(digits))
    else this.unsigned(BigInt.asUintN(64, BigInt(digits)))
  }

  /** An instant in microseconds since 1970, as timestamptz. */
  instant(unixMicros: number | null): void {
    if (unixMicros === null) this.none()
    else this.whole(unixMicros - POSTGRES_EPOCH_MICROS)
  }

  /** An instant in nanoseconds since 1970, of any size, as timestamptz. */
  instantOfNano(unixNano: bigint): void {
    this.#header(8)
    this.#view.setBigInt64(this.#at, unixNano / 1000n - BigInt(POSTGRES_EPOCH_MICROS))
    this.#at += 8
  }

  /** Byte strings given in hex, as bytea[]. */
  hexes(list: readonly string[]): void {
    this.#array(BYTEA_OID, list, (digits) => this.hex(digits))
  }

  /** Texts as text[]. */
  texts(list: readonly string[]): void {
    this.#array(TEXT_OID, list, (text) => this.text(text))
  }

  #array(oid: number, list: readonly string[], write: (item: string) => void): void {
    const place = this.#at
    this.#header(list.length === 0 ? 12 : 20)
    this.#view.setInt32(this.#at, list.length === 0 ? 0 : 1)
    this.#view.setInt32(this.#at + 4, 0)
    this.#view.setInt32(this.#at + 8, oid)
    this.#at += 12
    if (list.length === 0) return
    this.#view.setInt32(this.#at, list.length)
    this.#view.setInt32(this.#at + 4, 1)
    this.#at += 8
    for (const item of list) write(item)
    this.#view.setInt32(place, this.#at - place - 4)
  }

  /** Text without the zero character, which PostgreSQL refuses, cut to its bound. */
  text(value: string | null): void {
    if (value === null) {
      this.none()
      return
    }
    if (value.length <= SHORT_CHARACTERS && this.#ascii(value)) return
    const kept = storable(value)
    this.#reserve(4 + kept.length * BYTES_PER_CHARACTER_MAX)
    const written = this.#bytes.write(kept, this.#at + 4)
    this.#view.setInt32(this.#at, written)
    this.#at += 4 + written
  }

  /** JSON as it is, for documents made of text that was storable before. */
  jsonText(text: string): void {
    this.#reserve(5 + text.length * BYTES_PER_CHARACTER_MAX)
    const written = this.#bytes.write(text, this.#at + 5)
    this.#view.setInt32(this.#at, 1 + written)
    this.#bytes[this.#at + 4] = 1
    this.#at += 5 + written
  }

  json(value: unknown): void {
    const text = JSON.stringify(value, (_, part) => (typeof part === 'string' ? storable(part) : part))
    const bytes = Buffer.byteLength(text)
    this.#header(1 + bytes)
    this.#bytes[this.#at++] = 1
    this.#at += this.#bytes.write(text, this.#at)
  }

  /**
   * A decimal as numeric. Its scale is a multiple of four, which the column's own scale replaces.
   * @throws RangeError for what is no number
   */
  amount(value: Decimal | null): void {
    if (value === null) {
      this.none()
      return
    }
    this.#digits.take(value)
    const { groups, start, end, weight, negative, scale } = this.#digits
    this.#numeric(groups, start, end, weight, negative, scale)
  }

  /** Writes once more what was written between two positions. */
  again(from: number, to: number): void {
    this.#reserve(to - from)
    this.#bytes.copyWithin(this.#at, from, to)
    this.#at += to - from
  }

  /** Decimal text as numeric; null for text that is no decimal. */
  decimal(text: string | null): void {
    const digits = text === null ? null : numericDigits(text)
    if (digits === null) this.none()
    else {
      const { groups, weight, negative, scale } = digits
      this.#numeric(groups, 0, groups.length, weight, negative, scale)
    }
  }

  /** Writes an int8 whose place was left with `bits`, header and all, at `position`. */
  patchBits(position: number, high: number, low: number): void {
    this.#view.setInt32(position + 4, high)
    this.#view.setInt32(position + 8, low)
  }

  /** The finished stream, in the writer's own memory: it may be rewound once that was read. */
  finish(): Buffer {
    this.#reserve(2)
    this.#view.setInt16(this.#at, NULL_FIELD)
    this.#at += 2
    return this.#bytes.subarray(0, this.#at)
  }

  /** Byte by byte: for short text this takes a third of the time of a call out of JavaScript. */
  #ascii(text: string): boolean {
    this.#reserve(4 + text.length)
    const from = this.#at + 4
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === 0 || code > ASCII_MAX) return false
      this.#bytes[from + i] = code
    }
    this.#view.setInt32(this.#at, text.length)
    this.#at = from + text.length
    return true
  }

  #numeric(
    groups: ArrayLike<number>,
    start: number,
    end: number,
    weight: number,
    negative: boolean,
    scale: number,
  ): void {
    const bytes = 8 + (end - start) * 2
    this.#header(bytes)
    const view = this.#view
    const at = this.#at
    view.setInt16(at, end - start)
    view.setInt16(at + 2, weight)
    view.setUint16(at + 4, negative ? 0x4000 : 0)
    view.setUint16(at + 6, scale)
    for (let no = start, to = at + 8; no < end; no++, to += 2) view.setInt16(to, groups[no]!)
    this.#at = at + bytes
  }

  #header(length: number): void {
    this.#reserve(4 + length)
    this.#view.setInt32(this.#at, length)
    this.#at += 4
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + bytes))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/**
 * The text as a table can hold it. A cut text ends in a hash of the whole, so that two long ids stay two.
 */
export function storable(text: string): string {
  const kept = shortName(text, TEXT_CHARACTERS_MAX)
  return (kept.includes(NUL) ? kept.replaceAll(NUL, '�') : kept).toWellFormed()
}
