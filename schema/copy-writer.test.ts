import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../core/money.ts'
import { CopyWriter, storable, TEXT_CHARACTERS_MAX } from './copy-writer.ts'
import { AmountDigits, type NumericDigits, numericDigits } from './numeric.ts'

describe('CopyWriter', () => {
  it('grows without moving what was written', () => {
    const writer = new CopyWriter(1)
    writer.row(2)
    const place = writer.position
    writer.bits(0, 0)
    writer.text('x'.repeat(500))
    writer.patchBits(place, -1, 7)
    const bytes = writer.finish()
    expect(bytes.readInt16BE(19)).toBe(2)
    expect(bytes.readInt32BE(place + 4)).toBe(-1)
    expect(bytes.readInt32BE(place + 8)).toBe(7)
    expect(bytes.readInt32BE(place + 12)).toBe(500)
    expect(bytes.readInt16BE(bytes.length - 2)).toBe(-1)
  })
  it('writes short text as it writes long text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const writer = new CopyWriter(1)
        writer.text(text)
        const written = writer.finish().subarray(19, -2)
        expect(written.subarray(4).toString()).toBe(storable(text))
        expect(written.readInt32BE(0)).toBe(written.length - 4)
      }),
    )
  })
  it('writes whole numbers to 2^53, of either sign', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const writer = new CopyWriter(1)
        writer.whole(value)
        expect(Number(writer.finish().readBigInt64BE(23))).toBe(value)
      }),
    )
  })
})

describe('storable', () => {
  it('keeps ordinary text, takes zero characters and half characters out', () => {
    expect(storable('naïve 日本')).toBe('naïve 日本')
    expect(storable('a\0b\ud800c')).toBe('a�b�c')
  })
  it('cuts at its bound and keeps long ids apart', () => {
    const long = 'x'.repeat(TEXT_CHARACTERS_MAX)
    expect(storable(long)).toBe(long)
    expect(storable(`${long}1`)).toHaveLength(TEXT_CHARACTERS_MAX)
    expect(storable(`${long}1`)).not.toBe(storable(`${long}2`))
  })
})

describe('numericDigits', () => {
  it.each([
    ['0', { weight: 0, scale: 0, groups: [], negative: false }],
    ['-0.00', { weight: 0, scale: 2, groups: [], negative: false }],
    ['12345.678', { weight: 1, scale: 3, groups: [1, 2345, 6780], negative: false }],
    ['-0.00001', { weight: -2, scale: 5, groups: [1000], negative: true }],
    ['10000', { weight: 1, scale: 0, groups: [1], negative: false }],
  ])('takes %s apart', (text, digits) => expect(numericDigits(text)).toEqual(digits))

  it('means the number it was given', () => {
    const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    fc.assert(
      fc.property(digits, fc.nat(38), (unscaled, scale) => {
        const given = new Decimal(String(unscaled)).div(new Decimal(10).pow(scale)).toFixed(scale)
        const { groups, weight, negative, scale: told } = numericDigits(given)!
        const value = groups.reduce(
          (sum, group, no) => sum.plus(new Decimal(10_000).pow(weight - no).mul(group)),
          new Decimal(0),
        )
        expect((negative ? value.neg() : value).toFixed(told)).toBe(given.replace(/^-(?=0(\.0*)?$)/, ''))
        expect(groups.every((group) => group >= 0 && group < 10_000)).toBe(true)
        expect(groups[0]).not.toBe(0)
        expect(groups.at(-1)).not.toBe(0)
      }),
    )
  })

  it('is the same of a decimal as of its text, but for the scale', () => {
    const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    fc.assert(
      fc.property(digits, fc.nat(45), (unscaled, places) => {
        const value = new Decimal(String(unscaled)).div(new Decimal(10).pow(places))
        const { scale, ...told } = digitsOf(value)
        const { scale: needed, ...text } = numericDigits(value.toFixed())!
        expect(told).toEqual(text)
        expect(scale).toBeGreaterThanOrEqual(needed)
      }),
      { numRuns: 2000 },
    )
    expect(() => digitsOf(new Decimal(Number.NaN))).toThrow(RangeError)
  })

  it.each(['', '-', '.', '1.2.3', '--1', 'NaN', '1e5', '1.', '.5', '1,5', '9'.repeat(129)])(
    'refuses %j',
    (text) => expect(numericDigits(text)).toBeNull(),
  )
})

/** As what is taken apart from text. */
function digitsOf(value: Decimal): NumericDigits {
  const taken = new AmountDigits()
  taken.take(value)
  const { negative, weight, scale, start, end, groups } = taken
  return { negative, weight, scale, groups: [...groups.subarray(start, end)] }
}
