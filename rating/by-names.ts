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
export class ByNames<Value extends object> {
  readonly #make: () => Value
  readonly #entries: Entry<Value>[] = []
  /** Those beyond the listed ones. */
  #keyed: Map<string, Value> | undefined

  constructor(make: () => Value) {
    this.#make = make
  }

  /** All of them, in the order in which they were first asked for. */
  get entries(): readonly Entry<Value>[] {
    return this.#entries
  }

  of(first: Name, second: Name, third: Name): Value {
    const entries = this.#entries
    const listed = Math.min(entries.length, LISTED_MAX)
    for (let no = 0; no < listed; no++) {
      const { names, value } = entries[no]!
      if (names[1] === second && names[2] === third && names[0] === first) return value
    }
    if (listed < LISTED_MAX) return this.#add([first, second, third])
    this.#keyed ??= new Map()
    const key = nameOf(first, second, third)
    let value = this.#keyed.get(key)
    if (value === undefined) {
      value = this.#add([first, second, third])
      this.#keyed.set(key, value)
    }
    return value
  }

  #add(names: Names): Value {
    const value = this.#make()
    this.#entries.push({ names, value })
    return value
  }
}
