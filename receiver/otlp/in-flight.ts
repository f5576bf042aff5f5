import { AforoError } from '../../core/errors.ts'
import { BodyBuffers, wholeMemory } from './body-buffers.ts'

/**
 * Bytes of bodies that are held now, over all connections of a receiver. Whoever holds bytes reserves them first, and
 * is refused retryably where there is no room.
 */
export class InFlight {
  readonly #bytesMax: number
  readonly #gauge: { set(bytes: number): void } | null
  readonly #buffers = new BodyBuffers()
  #bytes = 0

  constructor(bytesMax: number, gauge: { set(bytes: number): void } | null = null) {
    this.#bytesMax = bytesMax
    this.#gauge = gauge
  }

  get bytes(): number {
    return this.#bytes
  }

  /** An empty reservation: it grows as bytes come and is released as a whole. */
  open(): Reservation {
    return new Reservation(this, this.#buffers)
  }

  /** @throws AforoError `unavailable` where the bound is reached */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax)
      throw new AforoError('unavailable', 'too many bytes in flight, send again later')
    this.#bytes += bytes
    this.#gauge?.set(this.#bytes)
  }

  give(bytes: number): void {
    this.#bytes -= bytes
    this.#gauge?.set(this.#bytes)
  }
}

/** The bytes one request holds. */
export class Reservation {
  readonly #inFlight: InFlight
  readonly #buffers: BodyBuffers
  #bytes = 0
  #memory: ArrayBuffer | null = null

  constructor(inFlight: InFlight, buffers: BodyBuffers) {
    this.#inFlight = inFlight
    this.#buffers = buffers
  }

  /** @throws AforoError `unavailable` where the bound is reached */
  grow(bytes: number): void {
    this.#inFlight.take(bytes)
    this.#bytes += bytes
  }

  /** Memory for a body whose bytes were reserved. It is somebody else's after `release`. One per reservation. */
  buffer(length: number): Buffer {
    const buffer = this.#buffers.take(length)
    this.#memory = buffer.buffer as ArrayBuffer
    return buffer
  }

  /** Takes a chunk over that is a body by itself: like `buffer`, it must not be read after `release`. */
  adopt(chunk: Buffer): Buffer {
    this.#memory = wholeMemory(chunk)
    return chunk
  }

  /** Gives all back. Doing so twice is harmless. */
  release(): void {
    this.#inFlight.give(this.#bytes)
    this.#bytes = 0
    if (this.#memory === null) return
    this.#buffers.give(this.#memory)
    this.#memory = null
  }
}
