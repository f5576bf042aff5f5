/** A map that forgets what was asked for longest ago when it has more than it may. */
export class BoundedMap<K, V> {
  readonly #map = new Map<K, V>()
  readonly #max: number
  readonly #onForget: (value: V, key: K) => void

  constructor(max: number, onForget: (value: V, key: K) => void = () => {}) {
    this.#max = max
    this.#onForget = onForget
  }

  get size(): number {
    return this.#map.size
  }

  /** What is there; it is not moved. */
  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  /** Puts it at the end of those to be forgotten. */
  set(key: K, value: V): void {
    const before = this.#map.get(key)
    if (before !== undefined) {
      this.#map.delete(key)
      if (before !== value) this.#onForget(before, key)
    }
    this.#map.set(key, value)
    if (this.#map.size <= this.#max) return
    const [oldest, forgotten] = this.#map.entries().next().value!
    this.#map.delete(oldest)
    this.#onForget(forgotten, oldest)
  }

  delete(key: K): void {
    const value = this.#map.get(key)
    if (value === undefined) return
    this.#map.delete(key)
    this.#onForget(value, key)
  }

  clear(): void {
    const all = [...this.#map]
    this.#map.clear()
    for (const [key, value] of all) this.#onForget(value, key)
  }

  values(): IterableIterator<V> {
    return this.#map.values()
  }
}
