import type { Dice } from '../../bench/dice.ts'

/** What numbers in wire formats go wrong at. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x4a, 0x22, 0x7b, 0x5b, 0x5c] as const
const TAKEN_BYTES_MAX = 65_536
const REPEATS_MAX = 200

/** Bytes that are nearly one of the corpus, or two of it, or nothing at all. */
export function mutated(dice: Dice, corpus: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (dice.under(20) === 0) return randomBytes(dice, dice.under(600))
  let bytes = cut(dice.pick(corpus))
  for (let changes = dice.between(1, 6); changes > 0; changes--) bytes = changed(dice, bytes, corpus)
  return bytes
}

export function randomBytes(dice: Dice, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => dice.under(256))
}

function cut(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes.subarray(0, TAKEN_BYTES_MAX))
}

function changed(dice: Dice, bytes: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const at = dice.under(bytes.length + 1)
  const to = Math.min(bytes.length, at + dice.under(40))
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
  switch (dice.under(8)) {
    case 0:
      return cut(before)
    case 1:
      return joined(before, after)
    case 2:
      return joined(before, ...Array.from({ length: dice.between(2, REPEATS_MAX) }, () => piece), after)
    case 3:
      return joined(before, randomBytes(dice, dice.under(20)), piece, after)
    case 4: {
      const other = dice.pick(corpus)
      const from = dice.under(other.length + 1)
      return joined(before, other.subarray(from, from + dice.under(400)), after)
    }
    case 5: {
      // A length of many bytes, or one with nothing behind it.
      const length = [...Array.from({ length: dice.under(11) }, () => 0xff), dice.pick(EDGES)]
      return joined(before, Uint8Array.from(length), after)
    }
    default: {
      const copy = cut(bytes)
      if (at < copy.length)
        copy[at] = dice.under(2) === 0 ? dice.pick(EDGES) : copy[at]! ^ (1 << dice.under(8))
      return copy
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return cut(Buffer.concat(parts))
}
