/** Smaller bodies are cheap to allocate, larger ones are rare. */
const SMALLEST_BYTES = 16_384
const LARGEST_BYTES = 8_388_608
const KEPT_BYTES_MAX = 33_554_432

/**
 * Memory for bodies, used again and again. Fresh buffers of some hundred kilobytes per request make the collector
 * run all the time, which costs as much as decoding does.
 */
export class BodyBuffers {
  /** Free memory by its size, a power of two. */
  readonly #free = new Map<number, ArrayBuffer[]>()
  #keptBytes = 0

  /** Bytes that wait to be used again. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** A buffer of just that length, with anything in it. */
  take(length: number): Buffer {
    if (length < SMALLEST_BYTES || length > LARGEST_BYTES) return Buffer.allocUnsafeSlow(length)
    const size = sizeFor(length)
    const memory = this.#free.get(size)?.pop()
    if (memory === undefined) return Buffer.from(new ArrayBuffer(size), 0, length)
    this.#keptBytes -= size
    return Buffer.from(memory, 0, length)
  }

  /** Takes memory of `take` back, or that of a chunk. Nobody may read it any more. */
  give(memory: ArrayBuffer): void {
    const size = memory.byteLength
    const isUsual = size >= SMALLEST_BYTES && size <= LARGEST_BYTES && size === sizeFor(size)
    if (!isUsual || this.#keptBytes + size > KEPT_BYTES_MAX) {
      memory.transfer(0)
      return
    }
    this.#keptBytes += size
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [memory])
    else free.push(memory)
  }
}

/**
 * Gives the memory of a chunk that was copied back at once. Left to the collector, the chunks of some ten bodies are
 * enough outside memory to have it mark the whole heap: with message contents that was half of the receiver's time.
 */
export function freeChunk(chunk: Buffer): void {
  wholeMemory(chunk)?.transfer(0)
}

/** The memory of a chunk that has it for itself; null where the chunk is a part of something larger. */
export function wholeMemory(chunk: Buffer): ArrayBuffer | null {
  const memory = chunk.buffer
  return memory instanceof ArrayBuffer && memory.byteLength === chunk.length ? memory : null
}

function sizeFor(length: number): number {
  return 2 ** Math.ceil(Math.log2(length))
}
