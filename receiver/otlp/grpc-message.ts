import type { Readable } from 'node:stream'
import { AforoError } from '../../core/errors.ts'
import { tooLarge } from './body.ts'
import { hastenCollection } from './collection.ts'
import type { Reservation } from './in-flight.ts'

/** A flag that tells whether the message is compressed, then its length as 32 bits, big-endian. */
const PREFIX_BYTES = 5
const NOTHING = Buffer.alloc(0)

/** The one message of a unary call, as it was sent. */
export interface GrpcMessage {
  readonly bytes: Buffer
  readonly isCompressed: boolean
}

/**
 * Reads the message of a unary call into one buffer of just its size, which is the reservation's: it must not be read
 * after its release. Resolves when the sender has ended its side.
 *
 * @throws AforoError `body_too_large` beyond `bytesMax`, `unavailable` where there is no room for it now,
 *   `invalid_argument` where it is not exactly one message
 */
export function readMessage(
  stream: Readable,
  bytesMax: number,
  reservation: Reservation,
): Promise<GrpcMessage> {
  const buffer = new MessageBuffer(bytesMax, reservation)
  return new Promise((resolve, reject) => {
    const attempt = (step: () => void) => {
      try {
        step()
      } catch (error) {
        stream.removeAllListeners('data')
        reject(error)
      }
    }
    const end = () => attempt(() => resolve(buffer.end()))
    stream.on('data', (chunk: Buffer) => {
      attempt(() => buffer.add(chunk))
      hastenCollection(chunk.length)
    })
    stream.on('end', end)
    stream.on('close', end)
    // A call without a single byte has ended by itself before anybody could listen.
    if (stream.readableEnded || stream.destroyed) end()
  })
}

/** Frames a message that is not compressed. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  message.copy(frame, PREFIX_BYTES)
  return frame
}

/** Puts a message together from chunks, wherever they are cut. */
export class MessageBuffer {
  readonly #bytesMax: number
  readonly #reservation: Reservation
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  #prefixBytes = 0
  #length = 0
  #at = 0
  #bytes: Buffer = NOTHING

  constructor(bytesMax: number, reservation: Reservation) {
    this.#bytesMax = bytesMax
    this.#reservation = reservation
  }

  /** @throws AforoError as `readMessage` does */
  add(chunk: Buffer): void {
    const from = this.#prefixBytes < PREFIX_BYTES ? this.#readPrefix(chunk) : 0
    const bytes = chunk.length - from
    if (bytes === 0) return
    if (this.#at + bytes > this.#length) throw malformed('more than one message')
    if (bytes === this.#length) this.#bytes = chunk.subarray(from)
    else {
      if (this.#at === 0) this.#bytes = this.#reservation.buffer(this.#length)
      chunk.copy(this.#bytes, this.#at, from)
    }
    this.#at += bytes
  }

  /** @throws AforoError `invalid_argument` where the message is not whole */
  end(): GrpcMessage {
    if (this.#prefixBytes < PREFIX_BYTES) throw malformed('no message')
    if (this.#at < this.#length) throw malformed('a message that ended before its length')
    return { bytes: this.#bytes, isCompressed: this.#prefix[0] === 1 }
  }

  /** Returns where in the chunk the message goes on. */
  #readPrefix(chunk: Buffer): number {
    const taken = chunk.copy(this.#prefix, this.#prefixBytes)
    this.#prefixBytes += taken
    if (this.#prefixBytes < PREFIX_BYTES) return taken
    if (this.#prefix[0]! > 1) throw malformed('a message with unknown flags')
    const length = this.#prefix.readUInt32BE(1)
    if (length > this.#bytesMax) throw tooLarge(this.#bytesMax)
    this.#reservation.grow(length)
    this.#length = length
    return taken
  }
}

function malformed(what: string): AforoError {
  return new AforoError('invalid_argument', `the call has ${what}`)
}
