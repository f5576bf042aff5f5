/**
 * Frames: the check over a connection that is kept, many questions under way at once. docs/CHECK.md says how they look:
 *
 *     length  4 bytes, big endian: of everything behind it
 *     id      4 bytes: the asker's; the answer has the same
 *     kind    1 byte
 *     body    JSON in UTF-8
 */

/** Where a connection is turned into one of frames, and the name of that. */
export const FRAMES_PATH = '/v1/frames'
export const FRAMES_PROTOCOL = 'aforo-frames'

/** An answer has the kind of its question, or is a problem. */
export const FRAME_KINDS = { problem: 0, check: 1, settle: 2, release: 3 } as const
export type FrameKind = keyof typeof FRAME_KINDS

/** The body of one frame at most. */
export const FRAME_BODY_BYTES_MAX = 65_536
/** Questions of one connection that wait for their answers; further ones are not read until some are answered. */
export const FRAMES_UNDER_WAY_MAX = 1_024
/**
 * Of many frames written in one turn so many leave ahead of the rest: both ends work at once then, instead of each in its
 * turn, and fall asleep less often. With 8 of 16 under way both were done with their half before the other's came.
 */
export const FRAMES_AHEAD = 4

const LENGTH_BYTES = 4
/** What the length counts besides the body. */
const HEAD_BYTES = 5
const OWN_BYTES_MIN = 4_096
const NOT_ASCII = /[^\0-\x7f]/
const NOT_ASCII_ALL = /[^\0-\x7f]/g

/**
 * A frame as text in which every character is one byte: to be joined with others and written at once as latin1.
 * What of the JSON is not ASCII is escaped.
 */
export function frameText(id: number, kind: number, json: string): string {
  const body = asciiJson(json)
  const length = HEAD_BYTES + body.length
  return String.fromCharCode(...bytesOf(length), ...bytesOf(id), kind) + body
}

/** JSON of the same value in ASCII. */
export function asciiJson(json: string): string {
  if (!NOT_ASCII.test(json)) return json
  return json.replace(NOT_ASCII_ALL, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function bytesOf(word: number): [number, number, number, number] {
  return [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]
}

/** Takes frames out of chunks as they come. After `next()`, `id`, `kind` and `body` are those of the frame that it found. */
export class FrameReader {
  id = 0
  kind = 0
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  /** Chunks are read where they lie; only what one leaves unfinished is copied, into memory that is ours. */
  #isOurs = false
  #bodyAt = 0

  push(chunk: Buffer): void {
    const left = this.#end - this.#at
    if (left === 0) {
      this.#bytes = chunk
      this.#isOurs = false
      this.#at = 0
      this.#end = chunk.length
      return
    }
    if (!this.#isOurs || this.#end + chunk.length > this.#bytes.length) this.#move(left + chunk.length)
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
  }

  /**
   * Goes on to the next frame; false where there is none that is whole.
   * @throws RangeError where what comes can be no frame: nothing behind it can be read either
   */
  next(): boolean {
    const { length: available } = this
    if (available < LENGTH_BYTES) return false
    const length = this.#bytes.readUInt32BE(this.#at)
    if (length < HEAD_BYTES || length > HEAD_BYTES + FRAME_BODY_BYTES_MAX) {
      throw new RangeError(
        `a frame has a length of ${HEAD_BYTES} to ${HEAD_BYTES + FRAME_BODY_BYTES_MAX} bytes, and this one says ${length}`,
      )
    }
    if (available < LENGTH_BYTES + length) return false
    const head = this.#at + LENGTH_BYTES
    this.id = this.#bytes.readUInt32BE(head)
    this.kind = this.#bytes[head + 4]!
    this.#bodyAt = head + HEAD_BYTES
    this.#at = head + length
    return true
  }

  /** The body of the frame that was found. */
  body(): string {
    return this.#bytes.toString('utf8', this.#bodyAt, this.#at)
  }

  /** Bytes that came and are not read. */
  get length(): number {
    return this.#end - this.#at
  }

  /** At least twice as much as is needed now, so that many small chunks are copied a few times and not each time. */
  #move(needed: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed * 2, OWN_BYTES_MIN))
    this.#bytes.copy(bytes, 0, this.#at, this.#end)
    this.#end -= this.#at
    this.#at = 0
    this.#bytes = bytes
    this.#isOurs = true
  }
}
