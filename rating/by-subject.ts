import { nameOf } from './name.ts'

/** What tells models and tools apart. */
export interface Subject {
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
}

interface Entry<Value> extends Subject {
  readonly value: Value
}

/** Subjects that are looked for one by one; beyond these a name is made for each that is asked for. */
const LISTED_MAX = 8

/**
 * What there is of each model and tool of an event, made when it is first asked for. An event has few of them and asks
 * for each many times: comparing takes a fraction of the time of making a name, and leaves nothing behind.
 */
export class BySubject<Value> {
  readonly #make: () => Value
  readonly #listed: Entry<Value>[] = []
  #named: Map<string, Entry<Value>> | undefined

  constructor(make: () => Value) {
    this.#make = make
  }

  get size(): number {
    return this.#listed.length + (this.#named?.size ?? 0)
  }

  of(provider: string | null, model: string | null, tool: string | null): Value {
    for (const entry of this.#listed) {
      if (entry.model === model && entry.tool === tool && entry.provider === provider) return entry.value
    }
    if (this.#listed.length < LISTED_MAX) {
      const value = this.#make()
      this.#listed.push({ provider, model, tool, value })
      return value
    }
    this.#named ??= new Map()
    const name = nameOf(provider, model, tool)
    const known = this.#named.get(name)
    if (known) return known.value
    const value = this.#make()
    this.#named.set(name, { provider, model, tool, value })
    return value
  }

  /** All of them, in the order in which they were first asked for. */
  *[Symbol.iterator](): Generator<Subject & { readonly value: Value }> {
    yield* this.#listed
    if (this.#named) yield* this.#named.values()
  }
}
