type Part = string | number | null

/**
 * A key for a map of what is told apart by several texts, of which none holds the zero character: no table can.
 * Equal parts, and only these, give equal names. It takes a fraction of the time of `JSON.stringify`, and names were
 * half of what rating does between two statements.
 */
export function nameOf(first: Part, second: Part, ...more: readonly Part[]): string {
  let name = marked(first) + marked(second)
  for (const part of more) name += marked(part)
  return name
}

function marked(part: Part): string {
  return part === null ? '-' : `+${part}\0`
}
