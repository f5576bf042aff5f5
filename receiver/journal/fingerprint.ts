/**
 * 64-bit hash of a byte range: two murmur-like lanes over 32-bit words. It tells a resent row from a differing one
 * of the same span; nobody gains by a collision but the sender against itself.
 */
export interface Fingerprint {
  high: number
  low: number
}

const C1 = 0xcc9e2d51
const C2 = 0x1b873593
const C3 = 0x85ebca6b
const C4 = 0xc2b2ae35

/** Hashes `bytes[from, to)` into `into`, as two signed 32-bit halves. Nothing is allocated. */
export function fingerprint(bytes: DataView, from: number, to: number, into: Fingerprint): void {
  let a = 0x243f6a88 ^ (to - from)
  let b = 0x13198a2e ^ (to - from)
  const words = to - ((to - from) & 3)
  for (let at = from; at < words; at += 4) {
    const word = bytes.getInt32(at, true)
    a = mix(a ^ Math.imul(rotate(Math.imul(word, C1), 15), C2), 13)
    b = mix(b ^ Math.imul(rotate(Math.imul(word, C3), 17), C4), 19)
  }
  let tail = 0
  for (let at = words; at < to; at++) tail = (tail << 8) | bytes.getUint8(at)
  a ^= Math.imul(tail, C1)
  b ^= Math.imul(tail, C4)
  into.high = finish(a ^ rotate(b, 11))
  into.low = finish(b ^ rotate(a, 7))
}

function mix(lane: number, turn: number): number {
  return (Math.imul(rotate(lane, turn), 5) + 0xe6546b64) | 0
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}

function finish(lane: number): number {
  let h = lane ^ (lane >>> 16)
  h = Math.imul(h, C3)
  h ^= h >>> 13
  h = Math.imul(h, C4)
  return h ^ (h >>> 16)
}
