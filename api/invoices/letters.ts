import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { create, type Font } from 'fontkit'

/**
 * The letters of the PDF: DejaVu Sans Condensed, which knows Latin with all its marks, Greek, Cyrillic, Armenian,
 * Georgian, Hebrew and Arabic. Of a font only what a file uses is put into it.
 */

const FILES = { text: 'DejaVuSansCondensed.ttf', bold: 'DejaVuSansCondensed-Bold.ttf' } as const

export type FontName = keyof typeof FILES

export const FONT_NAMES = Object.keys(FILES) as readonly FontName[]

/** Stands for a letter that the fonts lack. */
const MISSING = '□'

/** Letters that a note tells by their code points: of more it says how many there are. */
export const MISSING_TOLD_MAX = 20

const files = new Map<FontName, { readonly bytes: Buffer; readonly font: Font }>()

/** A font, read once. */
function fileOf(name: FontName) {
  let file = files.get(name)
  if (!file) {
    const path = createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${FILES[name]}`)
    const bytes = readFileSync(path)
    file = { bytes, font: create(bytes) as Font }
    files.set(name, file)
  }
  return file
}

export function fontBytes(name: FontName): Buffer {
  return fileOf(name).bytes
}

export interface Writer {
  /** The text as it can be drawn. */
  readonly written: (text: string) => string
  /** What stands as `□` in what was written so far. */
  readonly missing: () => readonly string[]
}

/** Makes texts drawable, and remembers what it could not. */
export function createWriter(): Writer {
  const missing = new Set<string>()
  const drawable = (letter: string) => {
    if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(letter))
      return letter === '\n' ? letter : /\p{Cf}/u.test(letter) ? '' : ' '
    const code = letter.codePointAt(0)!
    if (FONT_NAMES.every((name) => fileOf(name).font.hasGlyphForCodePoint(code))) return letter
    missing.add(letter)
    return MISSING
  }
  return {
    written: (text) => inReadingOrder([...text.normalize('NFC')].map(drawable).join('')),
    missing: () => [...missing],
  }
}

/** A note on letters that could not be written; null where all could. */
export function missingNote(missing: readonly string[]): string | null {
  if (missing.length === 0) return null
  const codes = missing
    .slice(0, MISSING_TOLD_MAX)
    .map((letter) => `U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`)
  const more = missing.length > codes.length ? ` and ${missing.length - codes.length} more` : ''
  return `${MISSING} stands for letters that the font of this document lacks: ${codes.join(', ')}${more}. The invoice as JSON and HTML has them.`
}

const RTL_WORDS =
  /[\p{Script=Arabic}\p{Script=Hebrew}]\S*(?: +[\p{Script=Arabic}\p{Script=Hebrew}]\S*)*( ?)/gu
const NO_BREAK = '\u00a0'

/**
 * A line is drawn word by word from the left, a word in its own direction: words that run from the right are made one,
 * with a space behind it that is a word of its own.
 */
function inReadingOrder(text: string): string {
  return text.replaceAll(
    RTL_WORDS,
    (words, space) => words.trimEnd().replaceAll(/ +/g, NO_BREAK) + space + space,
  )
}
