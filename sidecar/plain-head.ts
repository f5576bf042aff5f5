import { CHECK_BYTES_MAX } from './body.ts'
import type { RawHead } from './request-head.ts'

/** A longer head is not plain. */
export const PLAIN_HEAD_CHARS_MAX = 4_096

/** The head of a plain request. */
export interface PlainHead extends RawHead {
  /** With the empty line that ends it; every character is one byte. */
  readonly text: string
  readonly bodyBytes: number
}

const START = 'POST /v1/check HTTP/1.1\r\n'
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** ASCII without control characters but tabs. */
const VALUE = /^[\t\x20-\x7e]*$/
const UNFINISHED = /^[\t\x20-\x7e]*\r?$/
const LENGTH = /^[1-9]\d{0,4}$/
/** What changes where a message ends, or what is spoken behind it. */
const NEVER: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'trailer',
  'expect',
  'upgrade',
  'proxy-connection',
])

/**
 * Reads the head of a request at a place of a text, where it is plain: a check as clients send it, in one form that leaves
 * nothing to interpretation. `more`: it may be one, and is not whole. `other`: it is none, or one that needs a closer look
 * than is taken here.
 */
export function plainHead(text: string, at: number): PlainHead | 'more' | 'other' {
  if (!text.startsWith(START, at)) return START.startsWith(text.slice(at)) ? 'more' : 'other'
  const rawHeaders: string[] = []
  let bodyBytes = 0
  let hosts = 0
  let connections = 0
  let lineAt = at + START.length
  for (;;) {
    const lineEnd = text.indexOf('\r\n', lineAt)
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
      if (bodyBytes > 0 || !LENGTH.test(value)) return 'other'
      bodyBytes = Number(value)
    } else if (name === 'connection') {
      connections += 1
      if (connections > 1 || value.toLowerCase() !== 'keep-alive') return 'other'
    }
    lineAt = lineEnd + 2
  }
  if (hosts !== 1 || bodyBytes === 0 || bodyBytes > CHECK_BYTES_MAX) return 'other'
  return { text: text.slice(at, lineAt + 2), rawHeaders, bodyBytes }
}
