export type AttributeLiteral = string | number | boolean | readonly string[]

/** KeyValues for protobufjs' fromObject: whole numbers are int64, others doubles. */
export function attributes(literal: Readonly<Record<string, AttributeLiteral>>): object[] {
  return Object.entries(literal).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: AttributeLiteral): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: value } : { doubleValue: value }
  return { arrayValue: { values: value.map(anyValue) } }
}

/** Pseudo-random draws (mulberry32): the same seed, the same draws, on every machine. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to but not including 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to `end` − 1. */
  under(end: number): number {
    return Math.floor(this.fraction() * end)
  }

  between(from: number, to: number): number {
    return from + this.under(to - from + 1)
  }

  pick<T>(of: readonly T[]): T {
    return of[this.under(of.length)]!
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.between(1, 255))
  }

  hex(length: number): string {
    return Array.from({ length }, () => this.under(16).toString(16)).join('')
  }

  /** Prose of at least so many characters, about one word in a hundred not ASCII, a quote here and there. */
  prose(characters: number): string {
    const words: string[] = []
    for (let length = 0; length < characters; ) {
      const draw = this.fraction()
      const word = draw < 0.01 ? this.pick(FOREIGN) : draw < 0.03 ? `"${this.pick(WORDS)}"` : this.pick(WORDS)
      words.push(word)
      length += word.length + 1
    }
    return words.join(' ')
  }
}

const FOREIGN = ['Straße', 'naïve', 'coöperate', '東京', 'größer', 'café'] as const
const WORDS =
  'the order was shipped on monday and should arrive within three working days please let me know if you would like to change your delivery address or cancel any item of it before then our refund policy covers thirty days from purchase with a receipt customer account invoice number status payment method question answer model context tool result search database query'.split(
    ' ',
  )
