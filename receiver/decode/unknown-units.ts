import { STATED_USAGE_PREFIX } from './keys.ts'
import { UNIT_BYTES_MAX, UNKNOWN_UNITS_MAX } from './limits.ts'
import { storable } from './strings.ts'

/** Names of units that one span states usage of and that nobody knows. */
export class UnknownUnits {
  readonly #names = new Set<string>()
  #further = 0

  clear(): void {
    if (this.#further === 0 && this.#names.size === 0) return
    this.#names.clear()
    this.#further = 0
  }

  /** Takes the key of an attribute. */
  add(key: string): void {
    const unit = cutToBytes(storable(key.slice(STATED_USAGE_PREFIX.length))).replaceAll(/\s/g, '_')
    if (this.#names.has(unit)) return
    if (this.#names.size === UNKNOWN_UNITS_MAX) this.#further++
    else this.#names.add(unit)
  }

  /** The names in their order, and how many more there are; null where there is none. */
  get told(): string | null {
    if (this.#names.size === 0) return null
    const names = [...this.#names].sort().join(' ')
    return this.#further === 0 ? names : `${names} +${this.#further}`
  }
}

function cutToBytes(name: string): string {
  const bytes = Buffer.from(name)
  return bytes.length <= UNIT_BYTES_MAX ? name : storable(bytes.toString('utf8', 0, UNIT_BYTES_MAX))
}
