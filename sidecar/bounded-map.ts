/**
 * A map that forgets what was set longest ago when it has more than it may. The order is a list of our own: a `Map` whose
 * oldest entries go one by one walks over all that have gone before it finds the next.
 */
export class BoundedMap<K, V> {
  readonly #map = new Map<K, Entry<K, V>>()
  readonly #max: number
  readonly #onForget: (value: V, key: K) => void
  #oldest: Entry<K, V> | null = null
  #newest: Entry<K, V> | null = null

  constructor(max: number, onForget: (value: V, key: K) => void = () => {}) {
    this.#max = max
    this.#onForget = onForget
  }

  get size(): number {
    return this.#map.size
  }

  /** What is there; it is not moved. */
  get(key: K): V | undefined {
    return this.#map.get(key)?.value
  }

  /** Puts it at the end of those to be forgotten. */
  set(key: K, value: V): void {
    const known = this.#map.get(key)
    if (known !== undefined) {
      this.#unlink(known)
      this.#link(known)
      const before = known.value
      known.value = value
      if (before !== value) this.#onForget(before, key)
      return
    }
    const entry: Entry<K, V> = { key, value, older: null, newer: null }
    this.#map.set(key, entry)
    this.#link(entry)
    if (this.#map.size > this.#max) this.delete(this.#oldest!.key)
  }

  /** Forgets what was put in longest ago. */
  forgetOldest(): void {
    if (this.#oldest !== null) this.delete(this.#oldest.key)
  }

  delete(key: K): void {
    const entry = this.#map.get(key)
    if (entry === undefined) return
    this.#map.delete(key)
    this.#unlink(entry)
    this.#onForget(entry.value, key)
  }

  #link(entry: Entry<K, V>): void {
    entry.older = this.#newest
    if (this.#newest === null) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  #unlink(entry: Entry<K, V>): void {
    const { older, newer } = entry
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    entry.older = null
    entry.newer = null
  }
}

interface Entry<K, V> {
  readonly key: K
  value: V
  older: Entry<K, V> | null
  newer: Entry<K, V> | null
}
