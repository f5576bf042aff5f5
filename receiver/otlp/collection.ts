/** Bytes of chunks for each byte left on the heap: young objects fill their space before chunks reach 64 MiB. */
const CHUNK_BYTES_PER_HEAP_BYTE = 4
const ELEMENT_BYTES = 8

/** What is left lies here until the next is, so that no compiler finds it useless. */
const left: unknown[] = [undefined]

/**
 * Has the memory of spent chunks collected cheaply, where their owner is not known and it cannot be given back by hand.
 *
 * A chunk is a small object with large memory outside of the heap. The collector of young objects frees both, but it
 * runs only when enough was put on the heap. By then, all that outside memory has long made V8 mark the whole heap
 * instead, every 64 MiB, which cost as much as receiving and decoding together. So something is put on the heap.
 */
export function hastenCollection(chunkBytes: number): void {
  left[0] = new Array(Math.floor(chunkBytes / (CHUNK_BYTES_PER_HEAP_BYTE * ELEMENT_BYTES)))
}
