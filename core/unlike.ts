/**
 * Where two JSON values first differ, and how: `/calls/0/model is "a", not "b"`. Null where they do not.
 * @param is what is there
 * @param must what must be there
 */
export function firstUnlike(is: unknown, must: unknown, path = ''): string | null {
  if (is === must) return null
  if (!isTree(is) || !isTree(must) || Array.isArray(is) !== Array.isArray(must)) {
    return `${path || '/'} is ${told(is)}, not ${told(must)}`
  }
  for (const key of new Set([...Object.keys(is), ...Object.keys(must)])) {
    const unlike = firstUnlike(is[key], must[key], `${path}/${key}`)
    if (unlike !== null) return unlike
  }
  return null
}

/** A place where two JSON values differ. Undefined: nothing is there. */
export interface Unlike {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** Every place where two JSON values differ, as deep as both have it. */
export function allUnlike(before: unknown, after: unknown, path = ''): readonly Unlike[] {
  if (before === after) return []
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path: path || '/', before, after }]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    allUnlike(before[key], after[key], `${path}/${key}`),
  )
}

const CHARACTERS_TOLD_MAX = 120

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A JSON value in so few characters that a line holds it. */
export function told(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > CHARACTERS_TOLD_MAX ? `${text.slice(0, CHARACTERS_TOLD_MAX)}…` : text
}
