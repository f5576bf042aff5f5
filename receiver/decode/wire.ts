import { AforoError } from '../../core/errors.ts'
import { viewOf } from './keys.ts'
import { GROUP_DEPTH_MAX } from './limits.ts'

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const GROUP_START = 3
const GROUP_END = 4
const FIXED32 = 5

const VARINT_BYTES_MAX = 10
const HIGH_WORD = 2 ** 32

/**
 * Reads protobuf from untrusted bytes. Every read is checked against the end of the message it stands in; what does
 * not fit is an AforoError `invalid_argument`. `at` is the next byte.
 */
export class WireReader {
  readonly bytes: Buffer
  readonly view: DataView
  at = 0

  constructor(body: Uint8Array) {
    // One class of array for all callers keeps the reads monomorphic.
    this.bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    this.view = viewOf(this.bytes)
  }

  /** Number and wire type of the next field: `number << 3 | type`. */
  tag(end: number): number {
    if (this.at >= end) throw this.malformed('ends within a field')
    const byte = this.bytes[this.at]!
    const tag = byte < 0x80 ? byte : this.#longVarint(end)
    if (byte < 0x80) this.at++
    if (tag < 8 || tag >= HIGH_WORD) throw this.malformed('has a field of no number')
    return tag
  }

  /** Reads the length of a message or text and returns where it ends, which is never behind `end`. */
  close(end: number): number {
    if (this.at >= end) throw this.malformed('ends within a length')
    const byte = this.bytes[this.at]!
    const length = byte < 0x80 ? byte : this.#longVarint(end)
    if (byte < 0x80) this.at++
    const close = this.at + length
    if (close > end) throw this.malformed('has a field longer than its message')
    return close
  }

  /** An unsigned varint. Above 2^53 it is not exact, and not needed. */
  varint(end: number): number {
    return this.#longVarint(end)
  }

  /** A signed 64-bit varint: as a number where that is exact, else as decimal text. */
  int64(end: number): number | string {
    const from = this.at
    const value = this.#longVarint(end)
    if (value <= Number.MAX_SAFE_INTEGER) return value
    let exact = 0n
    for (let i = from; i < this.at; i++) exact |= BigInt(this.bytes[i]! & 0x7f) << BigInt(7 * (i - from))
    const signed = BigInt.asIntN(64, exact)
    const short = Number(signed)
    return Number.isSafeInteger(short) ? short : signed.toString()
  }

  /** Steps over a text, message or id with its length before it, and returns that length. */
  step(end: number): number {
    const close = this.close(end)
    const length = close - this.at
    this.at = close
    return length
  }

  /** Steps over eight bytes and returns where they begin. */
  fixed64(end: number): number {
    return this.#stepFixed(8, end)
  }

  /** Steps over the value of a field nobody wants. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case VARINT:
        this.#longVarint(end)
        return
      case FIXED64:
        this.#stepFixed(8, end)
        return
      case BYTES:
        this.at = this.close(end)
        return
      case GROUP_START:
        this.#skipGroup(tag, end)
        return
      case FIXED32:
        this.#stepFixed(4, end)
        return
      default:
        throw this.malformed('has a field of unknown wire type')
    }
  }

  malformed(what: string): AforoError {
    return new AforoError('invalid_argument', `protobuf ${what} at byte ${this.at}`)
  }

  /** Groups are long gone from OTLP and protobuf, yet an unknown field may still be one. */
  #skipGroup(tag: number, end: number): void {
    const open = [tag]
    while (open.length > 0) {
      const inner = this.tag(end)
      if ((inner & 7) === GROUP_END) {
        if (inner >>> 3 !== open.pop()! >>> 3) throw this.malformed('has crossed groups')
      } else if ((inner & 7) === GROUP_START) {
        open.push(inner)
        if (open.length > GROUP_DEPTH_MAX) throw this.malformed('has groups nested too deeply')
      } else this.skip(inner, end)
    }
  }

  #stepFixed(length: number, end: number): number {
    const from = this.at
    if (from + length > end) throw this.malformed('ends within a number')
    this.at = from + length
    return from
  }

  /** Up to four bytes in integer arithmetic, which is what nearly all are; beyond that in doubles. */
  #longVarint(end: number): number {
    const { at, bytes } = this
    const most = Math.min(end - at, 4)
    let value = 0
    for (let i = 0; i < most; i++) {
      const byte = bytes[at + i]!
      value |= (byte & 0x7f) << (7 * i)
      if (byte < 0x80) {
        this.at = at + i + 1
        return value
      }
    }
    return this.#hugeVarint(end)
  }

  #hugeVarint(end: number): number {
    const from = this.at
    let value = 0
    let weight = 1
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      if (from + i >= end) throw this.malformed('ends within a varint')
      const byte = this.bytes[from + i]!
      value += (byte & 0x7f) * weight
      if (byte < 0x80) {
        this.at = from + i + 1
        return value
      }
      weight *= 128
    }
    throw this.malformed('has a varint of more than ten bytes')
  }
}
