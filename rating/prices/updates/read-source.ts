import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { AforoError } from '../../../core/errors.ts'

/** A catalogue as its source gave it. */
export interface SourceText {
  /** The file or URL without the expected digest: how imports of one source are told from those of others. */
  readonly name: string
  readonly text: string
  /** SHA-256 of the bytes, hex. */
  readonly digest: string
}

/** Bytes of a catalogue, also after decompression. The largest one in use has three million. */
export const SOURCE_BYTES_MAX = 32 * 1024 * 1024
/** A source that has not answered in full by then is away. */
export const SOURCE_MS_MAX = 30_000

const EXPECTED = /#sha256=([0-9a-fA-F]*)$/

/**
 * Reads a catalogue from a file or an http(s) URL. `…#sha256=<64 hex digits>` behind either says what it must be.
 *
 * @throws AforoError `invalid_argument` where it is too large, no UTF-8, or not what was expected; `not_found` where
 *   there is no such file; `unavailable` where a server does not answer with it
 */
export async function readSource(
  source: string,
  limits: { readonly bytesMax?: number; readonly msMax?: number } = {},
): Promise<SourceText> {
  const { bytesMax = SOURCE_BYTES_MAX, msMax = SOURCE_MS_MAX } = limits
  const expected = EXPECTED.exec(source)?.[1]?.toLowerCase()
  const name = source.replace(EXPECTED, '')
  if (expected !== undefined && expected.length !== 64) {
    throw new AforoError('invalid_argument', `${name}: #sha256= must be followed by 64 hex digits`)
  }
  const chunks = /^https?:\/\//i.test(name) ? readUrl(name, msMax) : readFile(name)
  const bytes = await collect(chunks, name, bytesMax)
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (expected !== undefined && expected !== digest) {
    throw new AforoError('invalid_argument', `${name} has SHA-256 ${digest}, not ${expected} as expected`)
  }
  return { name: sourceName(source), text: decoded(bytes, name), digest }
}

/** The name under which looks at a source are recorded. */
export function sourceName(source: string): string {
  return shownName(source.replace(EXPECTED, ''))
}

/** A catalogue that came with a request. */
export function sourceOfText(name: string, text: string): SourceText {
  return { name, text, digest: createHash('sha256').update(text).digest('hex') }
}

async function* readUrl(url: string, msMax: number): AsyncGenerator<Uint8Array, void, void> {
  try {
    const { address, headers } = requestOf(url)
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(msMax), redirect: 'follow' })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new AforoError('unavailable', `${shownName(url)} answers ${response.status}`)
    }
    yield* response.body
  } catch (error) {
    if (error instanceof AforoError) throw error
    const cause = (error as Error).name === 'TimeoutError' ? `no answer in ${msMax} ms` : causeOf(error)
    throw new AforoError('unavailable', `${shownName(url)}: ${cause}`, { cause: error })
  }
}

/** A name and password before the host go into a header, as clients have it. */
function requestOf(text: string): { address: URL; headers: Record<string, string> } {
  const address = new URL(text)
  const { username, password } = address
  address.username = ''
  address.password = ''
  if (username === '' && password === '') return { address, headers: {} }
  const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { address, headers: { authorization: `Basic ${Buffer.from(secret).toString('base64')}` } }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array, void, void> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOENT' ? 'not_found' : 'invalid_argument'
    throw new AforoError(code, `cannot read ${path}: ${error.code}`, { cause: error })
  })
  try {
    yield* file.createReadStream({ autoClose: false })
  } catch (error) {
    throw new AforoError('invalid_argument', `cannot read ${path}: ${causeOf(error)}`, { cause: error })
  } finally {
    await file.close()
  }
}

/** Stops reading where there is more than may be. */
async function collect(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  bytesMax: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > bytesMax) {
      throw new AforoError('invalid_argument', `${shownName(name)} is larger than ${bytesMax} bytes`)
    }
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

function decoded(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new AforoError('invalid_argument', `${shownName(name)} is no UTF-8`)
  }
}

/** A URL without what may be secret in it: it is stored and shown. */
function shownName(name: string): string {
  if (!URL.canParse(name)) return name
  const url = new URL(name)
  url.username = ''
  url.password = ''
  url.search = ''
  return url.href
}

function causeOf(error: unknown): string {
  const { cause, message } = error as Error
  return cause instanceof Error ? cause.message : message
}
