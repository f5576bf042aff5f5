import { AforoError } from '../../../core/errors.ts'

/**
 * The rows of a CSV text (RFC 4180): fields may be quoted, a quote in one is doubled, lines end with LF or CRLF. Empty
 * lines are left out.
 * @throws AforoError `invalid_argument` where a quote does not end, or something follows it
 */
export function readCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = []
  let row: string[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  const end = () => {
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  while (at < text.length) {
    const field = text[at] === '"' ? quoted(text, at) : bare(text, at)
    row.push(field.value)
    at = field.end
    if (text[at] === ',') {
      at++
      if (at === text.length) row.push('')
      continue
    }
    if (text.startsWith('\r\n', at)) at += 2
    else if (text[at] === '\n') at++
    else if (at < text.length)
      throw new AforoError('invalid_argument', `row ${rows.length + 1}: something follows a quote`)
    end()
  }
  if (row.length > 0) end()
  return rows
}

function bare(text: string, at: number): { readonly value: string; readonly end: number } {
  let end = at
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && !text.startsWith('\r\n', end)) end++
  return { value: text.slice(at, end), end }
}

function quoted(text: string, at: number): { readonly value: string; readonly end: number } {
  for (let from = at + 1; ; ) {
    const quote = text.indexOf('"', from)
    if (quote < 0) throw new AforoError('invalid_argument', 'a quote of the file does not end')
    if (text[quote + 1] !== '"')
      return { value: text.slice(at + 1, quote).replaceAll('""', '"'), end: quote + 1 }
    from = quote + 2
  }
}
