import { CHECK_BYTES_MAX } from './body.ts'
import type { RawHead } from './request-head.ts'

/** A longer head is not plain. */
export const PLAIN_HEAD_CHARS_MAX = 4_096

/** The first line of a plain request: a check, or the end of a hold. `chars`: with its line end; each is one byte. */
export type PlainLine = { readonly verb: 'check'; readonly chars: number } | PlainEnd

export interface PlainEnd {
  readonly verb: 'settle' | 'release'
  readonly holdId: string
  readonly chars: number
}

/** The headers of a plain request. */
export interface PlainHead extends RawHead {
  /** As they came, with the empty line that ends them. */
  readonly text: string
  readonly bodyBytes: number
}

const CHECK = 'POST /v1/check HTTP/1.1\r\n'
const CHECK_LINE: PlainLine = { verb: 'check', chars: CHECK.length }
const HOLD = 'POST /v1/holds/'
const HOLD_ENDS = [
  { verb: 'settle', text: '/settle HTTP/1.1\r\n' },
  { verb: 'release', text: '/release HTTP/1.1\r\n' },
] as const
/** Of characters that mean themselves in a path; every id that we gave is one. */
const HOLD_ID = /[\w-]*/y
const HOLD_ID_CHARS_MAX = 256
const LINE_END = '\r\n'
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** ASCII without control characters but tabs. */
const VALUE = /^[\t\x20-\x7e]*$/
const UNFINISHED = /^[\t\x20-\x7e]*\r?$/
const LENGTH = /^(0|[1-9]\d{0,4})$/
/** What changes where a message ends, or what is spoken behind it. */
const NEVER: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'trailer',
  'expect',
  'upgrade',
  'proxy-connection',
])

/**
 * Reads the first line of a request at a place of a text, where it is plain: a check, or the end of a hold. `more`: it may be
 * one, and is not whole. `other`: it is none.
 */
export function plainLine(text: string, at: number): PlainLine | 'more' | 'other' {
  if (text.startsWith(CHECK, at)) return CHECK_LINE
  if (!text.startsWith(HOLD, at)) return mayBe(CHECK, text, at) || mayBe(HOLD, text, at) ? 'more' : 'other'
  const idAt = at + HOLD.length
  HOLD_ID.lastIndex = idAt
  HOLD_ID.test(text)
  const idEnd = HOLD_ID.lastIndex
  if (idEnd - idAt > HOLD_ID_CHARS_MAX) return 'other'
  if (idEnd === text.length) return 'more'
  if (idEnd === idAt) return 'other'
  for (const { verb, text: end } of HOLD_ENDS) {
    if (text.startsWith(end, idEnd))
      return { verb, holdId: text.slice(idAt, idEnd), chars: idEnd + end.length - at }
  }
  return HOLD_ENDS.some((end) => mayBe(end.text, text, idEnd)) ? 'more' : 'other'
}

/** Whether what there is from a place of a text on is how something begins. */
function mayBe(whole: string, text: string, at: number): boolean {
  return whole.startsWith(text.slice(at, at + whole.length))
}

/** Whether a head that has such a first line and such headers is not too long to be plain. */
export function isPlainLength(lineChars: number, headerChars: number): boolean {
  return lineChars + headerChars - LINE_END.length <= PLAIN_HEAD_CHARS_MAX
}

/**
 * Reads the headers behind such a line, where they are plain: as clients send them, in one form that leaves nothing to
 * interpretation. `more`: they may be, and are not whole. `other`: they are not, or need a closer look than is taken here.
 *
 * @param at of the line
 */
export function plainHead(
  text: string,
  at: number,
  { verb, chars }: PlainLine,
): PlainHead | 'more' | 'other' {
  const rawHeaders: string[] = []
  let bodyBytes: number | null = null
  let hosts = 0
  let connections = 0
  const headersAt = at + chars
  let lineAt = headersAt
  for (;;) {
    const lineEnd = text.indexOf(LINE_END, lineAt)
    if ((lineEnd < 0 ? text.length : lineEnd) - at > PLAIN_HEAD_CHARS_MAX) return 'other'
    if (lineEnd < 0) return UNFINISHED.test(text.slice(lineAt)) ? 'more' : 'other'
    if (lineEnd === lineAt) break
    const colon = text.indexOf(':', lineAt)
    if (colon < 0 || colon > lineEnd) return 'other'
    const rawName = text.slice(lineAt, colon)
    const given = text.slice(colon + 1, lineEnd)
    if (!NAME.test(rawName) || !VALUE.test(given)) return 'other'
    const value = given.trim()
    rawHeaders.push(rawName, value)
    const name = rawName.toLowerCase()
    if (NEVER.has(name)) return 'other'
    if (name === 'host') hosts += 1
    else if (name === 'content-length') {
      if (bodyBytes !== null || !LENGTH.test(value)) return 'other'
      bodyBytes = Number(value)
    } else if (name === 'connection') {
      connections += 1
      if (connections > 1 || value.toLowerCase() !== 'keep-alive') return 'other'
    }
    lineAt = lineEnd + LINE_END.length
  }
  // A check has a body; who releases a hold may have nothing to say.
  bodyBytes ??= 0
  if (hosts !== 1 || bodyBytes > CHECK_BYTES_MAX || (verb === 'check' && bodyBytes === 0)) return 'other'
  return { text: text.slice(headersAt, lineAt + LINE_END.length), rawHeaders, bodyBytes }
}
