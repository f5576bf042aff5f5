import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'

/** The blocks of a page that are fenced as a language, in their order, without the fences. `''`: as no language. */
export function blocks(page: string, language: string): string[] {
  const all = readFileSync(page, 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)
  return [...all].flatMap(([, named, text]) => (named === language ? [text!] : []))
}

/** Holds what a page has between the comments `name:begin` and `name:end` to what code makes of it. UPDATE=1 rewrites it. */
export function holdTable(page: string, name: string, lines: readonly string[]): void {
  const text = readFileSync(page, 'utf8')
  const [begin, end] = [`<!-- ${name}:begin -->\n`, `\n<!-- ${name}:end -->`]
  expect(text).toContain(begin)
  const from = text.indexOf(begin) + begin.length
  const expected = text.slice(0, from) + lines.join('\n') + text.slice(text.indexOf(end, from))
  if (process.env.UPDATE) writeFileSync(page, expected)
  else expect(text).toBe(expected)
}
