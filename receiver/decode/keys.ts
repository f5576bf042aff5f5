import { AforoError } from '../../core/errors.ts'

/**
 * Number of visible reasoning parts in the contents of a span, as an attribute a decoder adds itself. Absent where
 * none was seen. No sender can set it.
 */
export const REASONING_PARTS_KEY = 'aforo.reasoning_parts'

/**
 * What a span states as `aforo.usage.<unit>` of units nobody reads: their names, as an attribute a decoder adds itself.
 * Absent where there are none. No sender can set it.
 */
export const UNKNOWN_UNITS_KEY = 'aforo.unknown_units'

/** Keys of this form state usage; one that is in no list is told, not passed over. */
export const STATED_USAGE_PREFIX = 'aforo.usage.'

/** The name under which the usage object inside an attribute with contents is kept. No sender can set it. */
export function usageInsideKey(key: string): string {
  return `${key}#usage`
}

/** What `find` answers for a key nobody wants. */
export const UNWANTED = -1

const FIRST_MIX = 0x9e3779b1
const LAST_MIX = 0x85ebca6b
const LENGTH_MIX = 0xc2b2ae35

/**
 * Makes the table by which a decoder tells wanted attributes from others.
 *
 * @param keys attribute keys whose values are kept, on spans and on resources
 * @param countedKeys keys of which only the number of reasoning parts in the value is kept, as REASONING_PARTS_KEY
 * @param usageInsideKeys keys of which only the usage object inside the value is kept, as `usageInsideKey` names it
 * @throws AforoError `invalid_argument` for an empty key, one beyond 255 bytes, or one in two lists
 */
export function compileKeys(
  keys: readonly string[],
  countedKeys: readonly string[] = [],
  usageInsideKeys: readonly string[] = [],
): KeyTable {
  const counted = [...new Set(countedKeys)]
  const inside = [...new Set(usageInsideKeys)]
  const synthetic = new Set([REASONING_PARTS_KEY, UNKNOWN_UNITS_KEY, ...inside.map(usageInsideKey)])
  const wanted = [...new Set(keys)].filter((key) => !synthetic.has(key))
  for (const key of [...wanted, ...counted, ...inside]) {
    const bytes = Buffer.byteLength(key)
    if (bytes === 0 || bytes > 255)
      throw new AforoError('invalid_argument', `attribute key of ${bytes} bytes`)
  }
  const both =
    [...counted, ...inside].find((key) => wanted.includes(key)) ?? inside.find((key) => counted.includes(key))
  if (both !== undefined) throw new AforoError('invalid_argument', `attribute ${both} is wanted in two ways`)
  return new KeyTable(wanted, counted, inside)
}

/**
 * Wanted keys in an open-addressing table over their bytes, so that a key is found in a body without making a
 * string of it. The hash reads the length and the first and last four bytes only; a hit is then compared in full.
 */
export class KeyTable {
  /** Kept keys by index, REASONING_PARTS_KEY, UNKNOWN_UNITS_KEY and those of usage found inside last. */
  readonly kept: readonly string[]
  /**
   * Index of REASONING_PARTS_KEY. Behind it come UNKNOWN_UNITS_KEY, the keys of usage found inside, then counted keys,
   * then the keys usage is looked for in.
   */
  readonly reasoningParts: number
  /** Index of UNKNOWN_UNITS_KEY; what `find` answers for a key that states usage of an unknown unit. */
  readonly unknownUnits: number
  readonly #countedFrom: number
  readonly #insideFrom: number

  readonly #indexes = new Map<string, number>()
  readonly #lists = new WeakMap<readonly string[], Int16Array>()
  readonly #slots: Int16Array
  readonly #mask: number
  readonly #lengths: Uint8Array
  readonly #firsts: Int32Array
  readonly #lasts: Int32Array
  /** The whole words between the first and the last of all keys, and where those of each key begin. */
  readonly #middles: Int32Array
  readonly #middleFrom: Int32Array

  constructor(wanted: readonly string[], counted: readonly string[], inside: readonly string[]) {
    this.kept = [...wanted, REASONING_PARTS_KEY, UNKNOWN_UNITS_KEY, ...inside.map(usageInsideKey)]
    this.reasoningParts = wanted.length
    this.unknownUnits = wanted.length + 1
    this.#countedFrom = this.kept.length
    this.#insideFrom = this.#countedFrom + counted.length
    const all = [...this.kept, ...counted, ...inside]
    for (const [index, key] of all.entries()) this.#indexes.set(key, index)

    const size = 1 << Math.ceil(Math.log2(all.length * 8))
    this.#mask = size - 1
    this.#slots = new Int16Array(size).fill(UNWANTED)
    this.#lengths = new Uint8Array(all.length)
    this.#firsts = new Int32Array(all.length)
    this.#lasts = new Int32Array(all.length)
    this.#middleFrom = new Int32Array(all.length)
    const middles: number[] = []
    for (const [index, key] of all.entries()) {
      const bytes = Buffer.from(key)
      const view = viewOf(bytes)
      this.#lengths[index] = bytes.length
      this.#firsts[index] = firstWord(view, 0, bytes.length)
      this.#lasts[index] = lastWord(view, 0, bytes.length)
      this.#middleFrom[index] = middles.length
      for (let i = 4; i < bytes.length - 4; i += 4) middles.push(view.getInt32(i, true))
      if (!this.isSynthetic(index)) this.#slots[this.#freeSlot(index)] = index
    }
    this.#middles = Int32Array.from(middles)
  }

  /** Index of a key; UNWANTED for one that is not wanted in any way. */
  indexOf(key: string): number {
    return this.#indexes.get(key) ?? (key.startsWith(STATED_USAGE_PREFIX) ? this.unknownUnits : UNWANTED)
  }

  /** Indexes of keys. Those of a list are worked out once. */
  indexesOf(keys: readonly string[]): Int16Array {
    const known = this.#lists.get(keys)
    if (known !== undefined) return known
    const indexes = Int16Array.from(keys, (key) => this.indexOf(key))
    this.#lists.set(keys, indexes)
    return indexes
  }

  /** Whether the decoder alone sets attributes of this index. */
  isSynthetic(index: number): boolean {
    return index >= this.reasoningParts && index < this.#countedFrom
  }

  /** Index under which usage found in the attribute of this index is kept; UNWANTED where none is looked for. */
  usageInside(index: number): number {
    return index >= this.#insideFrom ? this.unknownUnits + 1 + index - this.#insideFrom : UNWANTED
  }

  /** Index of the key whose bytes are at `at`, of which `length` are known to be in `body`; UNWANTED for any other. */
  find(body: DataView, at: number, length: number): number {
    const first = firstWord(body, at, length)
    const last = lastWord(body, at, length)
    let slot = hash(first, last, length) & this.#mask
    for (;;) {
      const index = this.#slots[slot]!
      if (index === UNWANTED) {
        return first === STATED_WORDS[0] && statesUsage(body, at, length) ? this.unknownUnits : UNWANTED
      }
      if (
        this.#firsts[index] === first &&
        this.#lasts[index] === last &&
        this.#lengths[index] === length &&
        this.#sameMiddle(index, body, at, length)
      ) {
        return index
      }
      slot = (slot + 1) & this.#mask
    }
  }

  #sameMiddle(index: number, body: DataView, at: number, length: number): boolean {
    let middle = this.#middleFrom[index]!
    for (let i = 4; i < length - 4; i += 4) {
      if (this.#middles[middle++] !== body.getInt32(at + i, true)) return false
    }
    return true
  }

  #freeSlot(index: number): number {
    let slot = hash(this.#firsts[index]!, this.#lasts[index]!, this.#lengths[index]!) & this.#mask
    while (this.#slots[slot] !== UNWANTED) slot = (slot + 1) & this.#mask
    return slot
  }
}

const STATED_WORDS = [0, 4, 8].map((at) => Buffer.from(STATED_USAGE_PREFIX).readInt32LE(at))

/** Whether a key that begins with the first word of STATED_USAGE_PREFIX begins with all of it. */
function statesUsage(body: DataView, at: number, length: number): boolean {
  if (length < STATED_USAGE_PREFIX.length) return false
  return body.getInt32(at + 4, true) === STATED_WORDS[1] && body.getInt32(at + 8, true) === STATED_WORDS[2]
}

/** The same memory, to read words from. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The first four bytes of a text, or all of a shorter one, as one word. */
export function firstWord(view: DataView, at: number, length: number): number {
  if (length >= 4) return view.getInt32(at, true)
  let word = 0
  for (let i = 0; i < length; i++) word |= view.getUint8(at + i) << (8 * i)
  return word
}

/** The last four bytes of a text; for a shorter one the same as its first word. */
function lastWord(view: DataView, at: number, length: number): number {
  return length >= 4 ? view.getInt32(at + length - 4, true) : firstWord(view, at, length)
}

function hash(first: number, last: number, length: number): number {
  const mixed = Math.imul(first, FIRST_MIX) ^ Math.imul(last, LAST_MIX) ^ Math.imul(length, LENGTH_MIX)
  return mixed ^ (mixed >>> 15)
}
