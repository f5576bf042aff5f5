import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amountFault, COUNT_MAX, readAmount, readCount, readQuantity } from './numbers.ts'

describe('readCount', () => {
  it('reads integers, doubles and numeric text', () => {
    expect([readCount(12), readCount(12.0), readCount('12'), readCount(' 12 '), readCount('1.2e1')]).toEqual([
      12, 12, 12, 12, 12,
    ])
    expect(Object.is(readCount(-0), 0)).toBe(true)
  })

  it.each([
    [Number.NaN, 'not_a_number'],
    ['', 'not_a_number'],
    ['NaN', 'not_a_number'],
    ['0x10', 'not_a_number'],
    ['12 tokens', 'not_a_number'],
    [true, 'not_a_number'],
    [Number.POSITIVE_INFINITY, 'too_large'],
    [COUNT_MAX + 1, 'too_large'],
    ['99999999999999999999', 'too_large'],
    [-1, 'negative'],
    ['-1', 'negative'],
    [1.5, 'not_whole'],
  ] as const)('tells what is wrong with %s', (value, fault) => {
    expect(readCount(value)).toBe(fault)
  })

  it('takes the largest count there is', () => {
    expect(readCount(COUNT_MAX)).toBe(COUNT_MAX)
  })
})

describe('readQuantity', () => {
  it('may be a fraction', () => {
    expect([readQuantity(1.5), readQuantity('0.25'), readQuantity(-1.5)]).toEqual([1.5, 0.25, 'negative'])
  })
})

describe('readAmount', () => {
  it.each([
    [0.1, '0.1'],
    [1e-7, '0.0000001'],
    [1_000_000, '1000000'],
    ['000.500', '0.5'],
    ['12', '12'],
    ['1e2', '100'],
    ['0', '0'],
  ] as const)('writes %s as %s', (value, text) => {
    expect(readAmount(value)).toBe(text)
  })

  it.each([
    [-1],
    ['-0.5'],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    ['$1'],
    [''],
    [true],
    ['1e999'],
    [1_000_000.01],
    [1e25],
    ['99999999999999999999'],
  ] as const)('refuses %s', (value) => {
    expect(readAmount(value)).toBeNull()
  })

  it.each([
    [-1, 'negative'],
    ['$1', 'not_a_number'],
    [Number.NaN, 'not_a_number'],
    [1_000_000.01, 'too_large'],
    ['1e60', 'too_large'],
    ['1e999', 'too_large'],
  ] as const)('tells why %s is none', (value, fault) => {
    expect(amountFault(value)).toBe(fault)
  })

  it('keeps every digit of a double', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (amount) => {
        const text = readAmount(amount)
        // Doubles below 1e-99 are no amounts of money.
        if (amount !== 0 && amount < 1e-99) return
        expect(Number(text)).toBe(amount === 0 ? 0 : amount)
        expect(text).toMatch(/^\d+(\.\d+)?$/)
      }),
    )
  })
})
