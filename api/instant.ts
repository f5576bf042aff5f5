const DATABASE_TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00(?::?00)?$/

/**
 * RFC 3339 in UTC from a `timestamptz` as the pool's connections write it (UTC, ISO): `2026-11-23 15:34:18.000123+00`
 * becomes `2026-11-23T15:34:18.000123Z`. Milliseconds are written where there are no microseconds.
 */
export function rfc3339OfDatabase(text: string): string {
  const match = DATABASE_TIME.exec(text)
  if (!match) throw new RangeError(`not a UTC time of the database: "${text}"`)
  const [, day, clock, fraction = ''] = match
  const digits = fraction.padEnd(6, '0')
  return `${day}T${clock}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`
}

/** Whole milliseconds between two RFC 3339 times. */
export function millisBetween(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from)
}
