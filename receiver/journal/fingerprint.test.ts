import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Fingerprint, fingerprint } from './fingerprint.ts'
import { journalMicros } from './journal-time.ts'

describe('fingerprint', () => {
  const hash = (bytes: Uint8Array) => {
    const into: Fingerprint = { high: 0, low: 0 }
    const padded = Buffer.concat([Buffer.from([1, 2, 3]), bytes])
    fingerprint(new DataView(padded.buffer, padded.byteOffset, padded.length), 3, padded.length, into)
    return `${into.high}/${into.low}`
  }
  it('is the same for the same bytes and differs by any byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), (bytes, at) => {
        const other = Uint8Array.from(bytes)
        other[at % bytes.length]! ^= 0x10
        expect(hash(bytes)).toBe(hash(Uint8Array.from(bytes)))
        expect(hash(other)).not.toBe(hash(bytes))
        expect(hash(Uint8Array.from([...bytes, 0]))).not.toBe(hash(bytes))
      }),
    )
  })
  it('meets itself in none of 50,000 near rows', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 50_000; i++) seen.add(hash(Buffer.from(`row ${i} of the journal`)))
    expect(seen.size).toBe(50_000)
  })
})

describe('journalMicros', () => {
  it('is the end of the span, clamped to [2020, 2100)', () => {
    expect(journalMicros(0n)).toBe(Date.UTC(2020, 0) * 1000)
    expect(journalMicros(2n ** 64n - 1n)).toBe(Date.UTC(2100, 0) * 1000 - 1)
    expect(journalMicros(1_700_000_000_123_456_789n)).toBe(1_700_000_000_123_456)
  })
})
