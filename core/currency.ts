import { type Decimal as Amount, Decimal } from './money.ts'

/** Digits after the point that a currency is paid in, by ISO 4217, where they are not two. */
const EXPONENTS: Readonly<Record<string, number>> = {
  ...exponentOf(0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  ...exponentOf(3, 'BHD IQD JOD KWD LYD OMR TND'),
  ...exponentOf(4, 'CLF UYW'),
}
const EXPONENT_DEFAULT = 2

/** Units of account of the standard (the UF of Chile among them) that the list of the runtime leaves out. */
const UNITS_OF_ACCOUNT = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'VED']
const CURRENCIES: ReadonlySet<string> = new Set([...Intl.supportedValuesOf('currency'), ...UNITS_OF_ACCOUNT])

/** Whether a text is the code of a currency by ISO 4217: `USD`, `EUR`. */
export function currencyCode(text: string): boolean {
  return CURRENCIES.has(text)
}

/** Credits are kept to a millionth. */
const CREDIT_SCALE = 6

/** Digits after the point of an amount that is paid in a currency: 2 for USD, 0 for JPY, 3 for KWD. */
export function currencyExponent(currency: string): number {
  return EXPONENTS[currency] ?? EXPONENT_DEFAULT
}

/** An amount as it stands on an invoice line: rounded to the currency, half away from zero. Happens once. */
export function roundToCurrency(amount: Amount, currency: string): Amount {
  return amount.toDecimalPlaces(currencyExponent(currency), Decimal.ROUND_HALF_UP)
}

/** Credits as they are shown and bought: to the millionth, half to even. */
export function roundToCredits(credits: Amount): Amount {
  return credits.toDecimalPlaces(CREDIT_SCALE, Decimal.ROUND_HALF_EVEN)
}

function exponentOf(exponent: number, currencies: string): Record<string, number> {
  return Object.fromEntries(currencies.split(' ').map((currency) => [currency, exponent]))
}
