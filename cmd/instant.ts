import { InvalidArgumentError } from 'commander'

/** The value of an option that is an instant, in UTC and to the millisecond. */
export function instant(text: string): string {
  const millis = Date.parse(text)
  if (Number.isNaN(millis)) throw new InvalidArgumentError('must be an instant like 2026-11-23T00:00:00Z')
  return new Date(millis).toISOString()
}
