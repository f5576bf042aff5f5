import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Spender, SUBJECT_BYTES_MAX, subjectFields, subjectOf } from './budget.ts'

const EACH = { scope: { customer: '*', product: '*', agent: '*', session: '*' }, window: 'trace' } as const
const NAMES = ['customer', 'product', 'agent', 'session', 'trace'] as const
/** As long as the journal keeps a name, of characters of one to three bytes, some of which JSON escapes. */
const name = fc.string({
  unit: fc.constantFrom('a', '"', '\u0001', 'ü', '漢', '😀'),
  minLength: 1,
  maxLength: 512,
})
const spender: fc.Arbitrary<Spender> = fc.record(
  Object.fromEntries(NAMES.map((each) => [each, name])) as never,
)

test('a subject of names of any length is no longer than a key may be, and still names them', () => {
  fc.assert(
    fc.property(spender, (who) => {
      const subject = subjectOf(EACH, who)!
      expect(Buffer.byteLength(subject)).toBeLessThanOrEqual(SUBJECT_BYTES_MAX)
      for (const [field, value] of Object.entries(subjectFields(EACH, subject))) {
        const whole = who[field as keyof Spender]!
        expect(value.isWellFormed()).toBe(true)
        if (value !== whole) expect(whole.startsWith(value.slice(0, 40))).toBe(true)
      }
    }),
  )
})

test('subjects at the bound are as they are, and two that are longer and alike stay two', () => {
  const scope = { scope: { session: '*' }, window: 'lifetime' } as const
  const of = (session: string) =>
    subjectOf(scope, { customer: 'acme', product: null, agent: null, session, trace: null })!
  const longest = 'x'.repeat(SUBJECT_BYTES_MAX - 4)
  expect(of(longest)).toBe(JSON.stringify([longest]))
  expect(Buffer.byteLength(of(`${longest}x`))).toBeLessThan(100)
  expect(of(`${longest}xy`)).not.toBe(of(`${longest}xz`))
})
