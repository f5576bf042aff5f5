import { inflateSync } from 'node:zlib'

/** The texts that a PDF of ours draws, in order, and how many pages it has. Knows built-in fonts and Flate alone. */
export function readPdf(bytes: Buffer): { readonly texts: readonly string[]; readonly pages: number } {
  const file = bytes.toString('latin1')
  const texts: string[] = []
  for (const { index } of file.matchAll(/stream\r?\n/g)) {
    if (file.slice(index - 3, index) === 'end') continue
    const from = file.indexOf('\n', index) + 1
    const content = inflated(bytes.subarray(from, file.indexOf('endstream', from)))
    for (const [, shown] of content.matchAll(/\[((?:<[0-9a-f]*>|[-\d.\s])*)\] TJ/g)) {
      const hex = [...shown!.matchAll(/<([0-9a-f]*)>/g)].map(([, digits]) => digits).join('')
      texts.push(Buffer.from(hex, 'hex').toString('latin1'))
    }
  }
  return { texts, pages: [...file.matchAll(/\/Type \/Page\b(?!s)/g)].length }
}

/** Streams that are not compressed hold no text of ours. */
function inflated(bytes: Buffer): string {
  try {
    return inflateSync(bytes).toString('latin1')
  } catch {
    return ''
  }
}
