import type { FieldFault } from './errors.ts'

/** What a schema found at a place of its input; where fields are not known, `keys` are their names. */
interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
}

/** What a field says that wants an amount and got something else: in YAML, too, a bare 0.01 is a number. */
export const DECIMAL_WANTED = 'must be a decimal as text, in quotes: "0.01"'

/** The faults of what a schema found; a field that is not known is a fault at its own path. */
export function faultsOf(issues: readonly Issue[]): FieldFault[] {
  return issues.flatMap(({ path, message, keys }) => {
    if (keys === undefined) return [{ path: pointerTo(path) || '/', message }]
    return keys.map((key) => ({ path: pointerTo([...path, key]), message: 'is not a known field' }))
  })
}

/** A JSON pointer. */
function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
