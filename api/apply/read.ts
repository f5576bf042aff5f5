import { LineCounter, parseDocument } from 'yaml'
import { AforoError, type FieldFault } from '../../core/errors.ts'
import { APPLY_KINDS, type ApplyKind } from './kinds.ts'

/** Something to be written, with where it stands in the file. */
export interface ApplyItem {
  readonly kind: ApplyKind
  readonly key: string
  /** `/plans/pro`, `/subscriptions/acme/0`, `/settings`. */
  readonly at: string
  /** Its place in the list of its key. */
  readonly no: number
  readonly fields: Readonly<Record<string, unknown>>
}

export interface ApplyFile {
  readonly items: readonly ApplyItem[]
  /** Adds the line of its path to a fault. */
  readonly located: (fault: FieldFault) => FieldFault
}

export const APPLY_BYTES_MAX = 8 * 1024 * 1024
/** Each takes a lock for as long as all of them are written. */
export const APPLY_ITEMS_MAX = 2_000

/**
 * Reads YAML (or JSON, which is YAML) into what is to be written, in the order of the kinds. Pure.
 * @throws AforoError `invalid_argument` with all faults of the file's shape, each by path and line
 */
export function readApplyFile(text: string): ApplyFile {
  if (text.length > APPLY_BYTES_MAX)
    throw refusal([{ path: '/', message: `is over ${APPLY_BYTES_MAX} characters` }])
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    throw refusal(
      document.errors.map(({ pos, message }) => ({ path: `line ${lines.linePos(pos[0]).line}`, message })),
    )
  }
  const located = (fault: FieldFault): FieldFault => {
    const steps = fault.path.split('/').slice(1).map(unescaped)
    for (let depth = steps.length; depth > 0; depth--) {
      const node = document.getIn(steps.slice(0, depth), true) as { range?: readonly number[] } | undefined
      if (node?.range) return { ...fault, path: `line ${lines.linePos(node.range[0]!).line}, ${fault.path}` }
    }
    return fault
  }
  const faults: FieldFault[] = []
  const items = itemsOf(document.toJS() as unknown, faults)
  if (items.length > APPLY_ITEMS_MAX)
    faults.push({ path: '/', message: `has more than ${APPLY_ITEMS_MAX} entries: apply it in parts` })
  if (faults.length > 0) throw refusal(faults.map(located))
  return { items, located }
}

/** The error of a file with these faults. */
export function refusal(faults: readonly FieldFault[]): AforoError {
  return new AforoError(
    'invalid_argument',
    `nothing was applied: ${faults.length === 1 ? '1 fault' : `${faults.length} faults`}`,
    { faults },
  )
}

function itemsOf(file: unknown, faults: FieldFault[]): readonly ApplyItem[] {
  if (!isRecord(file)) {
    faults.push({ path: '/', message: `must hold ${APPLY_KINDS.map(({ name }) => name).join(', ')}` })
    return []
  }
  for (const name of Object.keys(file)) {
    if (!APPLY_KINDS.some((kind) => kind.name === name))
      faults.push({ path: `/${escaped(name)}`, message: 'is nothing that can be applied' })
  }
  return APPLY_KINDS.filter(({ name }) => Object.hasOwn(file, name)).flatMap((kind) =>
    itemsOfKind(kind, file[kind.name] ?? {}, faults),
  )
}

function itemsOfKind(kind: ApplyKind, entries: unknown, faults: FieldFault[]): readonly ApplyItem[] {
  if (!isRecord(entries)) {
    faults.push({
      path: `/${kind.name}`,
      message: kind.key === null ? 'must be a map' : 'must be a map by id',
    })
    return []
  }
  if (kind.key === null) return [{ kind, key: '', at: `/${kind.name}`, no: 0, fields: entries }]
  return Object.entries(entries).flatMap(([key, entry]) => {
    const path = `/${kind.name}/${escaped(key)}`
    const given = kind.isList && Array.isArray(entry) ? entry : [entry]
    return given.flatMap((each: unknown, no): ApplyItem[] => {
      const at = given === entry ? `${path}/${no}` : path
      // An id with nothing behind it says all there is to say: `acme:`.
      if (each === null || isRecord(each)) return [{ kind, key, at, no, fields: each ?? {} }]
      faults.push({ path: at, message: 'must be a map' })
      return []
    })
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As a JSON pointer has it: an id may hold a slash. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}
