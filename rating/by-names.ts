import { nameOf } from './name.ts'

type Name = string | null
type Names = readonly [first: Name, second: Name, third: Name]

interface Entry<Value> {
  readonly names: Names
  readonly value: Value
}

/** Names that are looked for one by one; beyond these a key is made for each that is asked for. */
const LISTED_MAX = 8

/**
 * What there is under each three names, as a provider, model and tool have them, made when it is first asked for. An
 * event has few of them and asks for each many times: comparing takes a fraction of the time of making a key, and leaves
 * nothing behind.
 */
export class ByNames<Value> {
  readonly #make: () => Value
  readonly #listed: Entry<Value>[] = []
  #keyed: Map<string, Entry<Value>> | undefined

  constructor(make: () => Value) {
    this.#make = make
  }

  get size(): number {
    return this.#listed.length + (this.#keyed?.size ?? 0)
  }

  of(first: Name, second: Name, third: Name): Value {
    for (const { names, value } of this.#listed) {
      if (names[1] === second && names[2] === third && names[0] === first) return value
    }
    if (this.#listed.length < LISTED_MAX) {
      const value = this.#make()
      this.#listed.push({ names: [first, second, third], value })
      return value
    }
    this.#keyed ??= new Map()
    const key = nameOf(first, second, third)
    const known = this.#keyed.get(key)
    if (known) return known.value
    const value = this.#make()
    this.#keyed.set(key, { names: [first, second, third], value })
    return value
  }

  /** All of them, in the order in which they were first asked for. */
  *[Symbol.iterator](): Generator<Entry<Value>> {
    yield* this.#listed
    if (this.#keyed) yield* this.#keyed.values()
  }
}
