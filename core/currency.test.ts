import { expect, test } from 'vitest'
import { currencyCode, currencyExponent, roundToCredits, roundToCurrency } from './currency.ts'
import { Decimal } from './money.ts'

test.each([
  ['USD', '1.23556789', '1.24'],
  ['USD', '1.005', '1.01'],
  ['USD', '-1.005', '-1.01'],
  ['USD', '0.004999999999999999', '0'],
  ['JPY', '1.9556789', '2'],
  ['JPY', '-0.5', '-1'],
  ['KWD', '1.2345', '1.235'],
  ['CLF', '1.00005', '1.0001'],
])('in %s %s is %s on an invoice', (currency, amount, rounded) => {
  expect(roundToCurrency(new Decimal(amount), currency).toFixed()).toBe(rounded)
})

test('a currency has the digits it is paid in', () => {
  expect(['EUR', 'KRW', 'TND', 'UYW'].map(currencyExponent)).toEqual([2, 0, 3, 4])
})

test('every unit that has digits of its own is a currency', () => {
  expect(['CLF', 'UYI', 'UYW', 'JPY', 'KWD', 'EUR'].every(currencyCode)).toBe(true)
  expect(['XYZ', 'usd', 'EU', ''].some(currencyCode)).toBe(false)
})

test.each([
  ['1.2345678', '1.234568'],
  ['0.0000005', '0'],
  ['0.0000015', '0.000002'],
])('%s credits are %s', (credits, rounded) => {
  expect(roundToCredits(new Decimal(credits)).toFixed()).toBe(rounded)
})
