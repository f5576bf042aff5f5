/** Entries of one of the maps that a large one is split into. */
export const ENTRIES_PER_PART = 2_560
/** More parts than this would not be told apart by one character. */
export const PARTS_MAX = 16

/**
 * A map by text, split by the last character of its keys into maps that stay small. The table of a map of more than 4,096
 * entries is a large object to V8: it is asked of the operating system page by page and given back, each time, and that
 * cost more than all that was done with it.
 */
export class SplitMap<T> {
  readonly #parts: readonly Map<string, T>[]
  readonly #last: number

  /** @param expected how many entries there will be at most */
  constructor(expected: number) {
    let parts = 1
    while (parts < PARTS_MAX && parts * ENTRIES_PER_PART < expected) parts *= 2
    this.#parts = Array.from({ length: parts }, () => new Map<string, T>())
    this.#last = parts - 1
  }

  get(key: string): T | undefined {
    return this.#partOf(key).get(key)
  }

  set(key: string, value: T): void {
    this.#partOf(key).set(key, value)
  }

  get size(): number {
    return this.#parts.reduce((entries, part) => entries + part.size, 0)
  }

  #partOf(key: string): Map<string, T> {
    // Of an empty key the code is NaN, and its part the first.
    return this.#parts[key.charCodeAt(key.length - 1) & this.#last]!
  }
}
