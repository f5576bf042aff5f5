/** Microseconds since 1970 as PostgreSQL reads them. */
export function instantText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const rest = String(micros - seconds * 1_000_000).padStart(6, '0')
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${rest}Z`
}

/** SQL of an instant as the text of its microseconds since 1970: a number would lose some on the way. */
export function microsOf(instant: string): string {
  return `(extract(epoch from ${instant}) * 1000000)::bigint::text`
}
