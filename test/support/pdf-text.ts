import { inflateSync } from 'node:zlib'

/** The texts that a PDF of ours draws, in order, and how many pages it has. Knows embedded fonts and Flate alone. */
export function readPdf(bytes: Buffer): { readonly texts: readonly string[]; readonly pages: number } {
  const file = bytes.toString('latin1')
  const objects = new Map<string, { readonly head: string; readonly content: string }>()
  for (const { 1: id, index } of file.matchAll(/^(\d+) 0 obj$/gm)) {
    const end = file.indexOf('endobj', index)
    const stream = file.indexOf('stream\n', index)
    const isStream = stream !== -1 && stream < end
    const content = isStream
      ? inflated(bytes.subarray(stream + 'stream\n'.length, file.indexOf('endstream', stream)))
      : ''
    objects.set(id!, { head: file.slice(index, isStream ? stream : end), content })
  }
  const letters = new Map<string, ReadonlyMap<number, string>>()
  for (const { head } of objects.values()) {
    for (const [, name, id] of head.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
      const [, map] = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id!)?.head ?? '') ?? []
      if (map) letters.set(name!, lettersOf(objects.get(map)!.content))
    }
  }
  const texts: string[] = []
  for (const { content } of objects.values()) {
    let font: ReadonlyMap<number, string> | undefined
    for (const [, name, shown] of content.matchAll(
      /\/(F\d+) [\d.]+ Tf|\[((?:<[0-9a-f]*>|[-\d.\s])*)\] TJ/g,
    )) {
      if (name !== undefined) font = letters.get(name)
      else texts.push(textOf(shown!, font))
    }
  }
  return { texts, pages: [...file.matchAll(/\/Type \/Page\b(?!s)/g)].length }
}

function textOf(shown: string, font: ReadonlyMap<number, string> | undefined): string {
  const hex = [...shown.matchAll(/<([0-9a-f]*)>/g)].map(([, digits]) => digits).join('')
  return (hex.match(/.{4}/g) ?? []).map((glyph) => font?.get(Number.parseInt(glyph, 16)) ?? '?').join('')
}

/** What the glyphs of a font mean, by the map that the file has for readers. */
function lettersOf(map: string): ReadonlyMap<number, string> {
  const letters = new Map<number, string>()
  for (const [, from, list] of map.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/g)) {
    let glyph = Number.parseInt(from!, 16)
    for (const [, code] of list!.matchAll(/<([0-9a-f ]*)>/g)) {
      const units = (code!.replaceAll(' ', '').match(/.{4}/g) ?? []).map((unit) => Number.parseInt(unit, 16))
      letters.set(glyph++, String.fromCharCode(...units))
    }
  }
  return letters
}

/** Streams that are not compressed hold no text of ours. */
function inflated(bytes: Buffer): string {
  try {
    return inflateSync(bytes).toString('latin1')
  } catch {
    return ''
  }
}
