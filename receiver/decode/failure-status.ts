/** How far into a status text is looked: frameworks put their own words before the client's, and a text may quote prompts. */
const LOOKED_AT_MAX = 320

/** What may stand before the number. Anything else is prose, in which a number says nothing. */
const LEADS = [
  'Error: ',
  'Exception: ',
  'code: ',
  'Code: ',
  '"code":',
  'UNKNOWN: ',
  'Status ',
  'Status code ',
  'HTTP ',
  '[',
  'An error occurred (',
].map((lead) => Buffer.from(lead))

/** Clients in Go name the request before what was answered: `POST "https://…/messages": 404 Not Found {…}`. */
const REQUEST = Buffer.from('POST "http')
const REQUEST_LEAD = Buffer.from('": ')

/** Google's client in Go: `Error 404, Message: …`. */
const GOOGLE_LEAD = Buffer.from('Error ')
const GOOGLE_TRAIL = Buffer.from(', Message: ')

/** AWS clients name the error itself where others write its number: `An error occurred (ThrottlingException) when …`. */
const AWS_LEAD = Buffer.from('An error occurred (')
const AWS_ERRORS: readonly (readonly [Uint8Array, number])[] = Object.entries({
  AccessDeniedException: 403,
  ExpiredTokenException: 403,
  InternalServerException: 500,
  ModelNotReadyException: 429,
  ModelTimeoutException: 408,
  ResourceNotFoundException: 404,
  ServiceQuotaExceededException: 400,
  ServiceUnavailableException: 503,
  ThrottlingException: 429,
  UnrecognizedClientException: 403,
  ValidationException: 400,
}).map(([name, status]) => [Buffer.from(`${name})`), status])

/** Status of an answer that arrived, and that its client could not use: what it cost was spent. */
const ANSWERED = 200

/** How the Vercel AI SDK begins to say so. */
const ANSWERED_WORDS = [
  'Invalid JSON response',
  'Failed to process successful response',
  'Empty response body',
  'No object generated',
].map((words) => Buffer.from(words))

/**
 * The HTTP status that the text of a span's status names, where clients write it: first of all (`404 The model …`),
 * behind an exception's name (`ClientError: 404 NOT_FOUND`), as a code (`Error code: 404`, `status_code: 404`,
 * `StatusCode: 404`, `"code":404`, `Status 404`), in brackets (`[404 Not Found]`), behind the protocol (`HTTP 404 - …`)
 * or the request (`POST "…": 404 Not Found`), or as the name AWS gives it. Of 400 to 599; ANSWERED where it says that an
 * answer came; 0 where there is none. Reads bytes: no text is made of what may quote a prompt.
 */
export function failureStatus(bytes: Uint8Array, from: number, to: number): number {
  const end = Math.min(to, from + LOOKED_AT_MAX)
  if (ANSWERED_WORDS.some((words) => isAt(bytes, from, to, words))) return ANSWERED
  for (let at = from; at + 3 <= end; at++) {
    const first = bytes[at]!
    if (first === OPENING && isBehind(bytes, from, at + 1, AWS_LEAD)) {
      const named = AWS_ERRORS.find(([name]) => isAt(bytes, at + 1, to, name))
      if (named !== undefined) return named[1]
    }
    if (first !== FOUR && first !== FIVE) continue
    if (!isDigit(bytes[at + 1]!) || !isDigit(bytes[at + 2]!)) continue
    if (at + 3 < to && goesOn(bytes[at + 3]!, at + 4 < to ? bytes[at + 4]! : 0)) continue
    if (at === from || isLed(bytes, from, at, to)) {
      return (first - ZERO) * 100 + (bytes[at + 1]! - ZERO) * 10 + (bytes[at + 2]! - ZERO)
    }
  }
  return 0
}

function isLed(bytes: Uint8Array, from: number, at: number, to: number): boolean {
  if (LEADS.some((lead) => isBehind(bytes, from, at, lead))) return true
  if (isBehind(bytes, from, at, REQUEST_LEAD)) {
    return Buffer.from(bytes.buffer, bytes.byteOffset + from, at - from).includes(REQUEST)
  }
  const end = at + 3 + GOOGLE_TRAIL.length
  return end <= to && isBehind(bytes, from, at, GOOGLE_LEAD) && isBehind(bytes, from, end, GOOGLE_TRAIL)
}

/** The same of a text. */
export function failureStatusOfText(text: string): number {
  const bytes = Buffer.from(text.slice(0, LOOKED_AT_MAX + 1))
  return failureStatus(bytes, 0, bytes.length)
}

const ZERO = 0x30
const FOUR = 0x34
const FIVE = 0x35
const NINE = 0x39
const POINT = 0x2e
const OPENING = 0x28

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** A longer number, a fraction, or a word. */
function goesOn(byte: number, next: number): boolean {
  const letter = byte | 0x20
  return isDigit(byte) || (byte === POINT && isDigit(next)) || (letter >= 0x61 && letter <= 0x7a)
}

function isAt(bytes: Uint8Array, at: number, to: number, words: Uint8Array): boolean {
  return words.length <= to - at && words.every((byte, i) => bytes[at + i] === byte)
}

function isBehind(bytes: Uint8Array, from: number, at: number, lead: Uint8Array): boolean {
  const start = at - lead.length
  return start >= from && lead.every((byte, i) => bytes[start + i] === byte)
}
