const compiled = new Map<string, RegExp>()
const COMPILED_MAX = 10_000

/** Whether text matches a glob: `*` is any run of characters, `?` any one; the rest is as written, case and all. */
export function matchesGlob(glob: string, text: string): boolean {
  let pattern = compiled.get(glob)
  if (!pattern) {
    if (compiled.size >= COMPILED_MAX) compiled.clear()
    const source = glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replace(/\?/g, '.')
    pattern = new RegExp(`^${source}$`, 's')
    compiled.set(glob, pattern)
  }
  return pattern.test(text)
}
