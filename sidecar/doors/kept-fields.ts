import { AforoError } from '../../core/errors.ts'

/** What is kept of a body, at most. */
export const KEPT_BYTES_MAX = 65_536
/** No field that anybody wants has a longer name. */
const KEY_BYTES_MAX = 128

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

/** Where in the outermost object the reader is. */
type Place = 'before' | 'key' | 'colon' | 'value' | 'after'

/**
 * Reads some fields of a JSON object out of chunks, and walks over all others: what they hold becomes no string and is in
 * no buffer of ours. What is walked over is held to nothing but its nesting.
 */
export class KeptFields {
  readonly #wanted: ReadonlySet<string>
  readonly #found: Record<string, unknown> = {}
  #place: Place = 'before'
  #depth = 0
  #isText = false
  #isEscaped = false
  /** Bytes of a key, or of a value that is wanted; null while something is walked over. */
  #kept: number[] | null = null
  #keptBytes = 0
  #key = ''

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted
  }

  /** @throws AforoError `invalid_argument`, and `body_too_large` where more is to be kept than may be */
  add(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (this.#isText) this.#inText(byte)
      else if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.#outside(byte)
    }
  }

  /** The fields that were there. Of two with one name the last one. */
  end(): Record<string, unknown> {
    if (this.#place !== 'after') throw broken()
    return this.#found
  }

  #inText(byte: number): void {
    this.#keep(byte)
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) this.#isEscaped = true
    else if (byte === QUOTE) {
      this.#isText = false
      if (this.#place === 'key') this.#endKey()
    }
  }

  #outside(byte: number): void {
    if (this.#place === 'key' && byte === QUOTE) this.#kept = []
    else if (this.#place !== 'value') {
      this.#between(byte)
      return
    } else if (this.#depth === 1 && (byte === COMMA || byte === CLOSE_BRACE)) {
      this.#endValue()
      if (byte === CLOSE_BRACE) this.#place = 'after'
      return
    }
    if (byte === QUOTE) this.#isText = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#depth -= 1
      if (this.#depth < 1) throw broken()
    }
    this.#keep(byte)
  }

  /** What stands between keys and values. */
  #between(byte: number): void {
    if (this.#place === 'before' && byte === OPEN_BRACE) {
      this.#depth = 1
      this.#place = 'key'
    } else if (this.#place === 'colon' && byte === COLON) {
      this.#place = 'value'
      this.#kept = this.#wanted.has(this.#key) ? [] : null
    } else if (this.#place === 'key' && byte === CLOSE_BRACE) this.#place = 'after'
    else if (this.#place !== 'key' || byte !== COMMA) throw broken()
  }

  #keep(byte: number): void {
    if (this.#kept === null) return
    if (this.#place === 'key') {
      // A longer name is nobody's we look for.
      if (this.#kept.length <= KEY_BYTES_MAX) this.#kept.push(byte)
      return
    }
    if (++this.#keptBytes > KEPT_BYTES_MAX) {
      throw new AforoError(
        'body_too_large',
        `what is read of the body is larger than ${KEPT_BYTES_MAX} bytes`,
      )
    }
    this.#kept.push(byte)
  }

  #endKey(): void {
    const bytes = this.#kept!
    this.#key = bytes.length > KEY_BYTES_MAX ? '' : String(parsed(bytes))
    this.#kept = null
    this.#place = 'colon'
  }

  #endValue(): void {
    if (this.#kept) this.#found[this.#key] = parsed(this.#kept)
    this.#kept = null
    this.#place = 'key'
  }
}

function parsed(bytes: readonly number[]): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    throw broken()
  }
}

function broken(): AforoError {
  return new AforoError('invalid_argument', 'the body is no valid JSON object')
}
