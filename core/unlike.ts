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

const CHARACTERS_TOLD_MAX = 120

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function told(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > CHARACTERS_TOLD_MAX ? `${text.slice(0, CHARACTERS_TOLD_MAX)}…` : text
}
