import type { IncomingMessage } from 'node:http'
import { AforoError } from '../../core/errors.ts'

/** A check, and a message of a sidecar, at most. */
export const CHECK_BYTES_MAX = 65_536
export const CENTRE_BYTES_MAX = 16_777_216

/** Reads a small body and hands over what its JSON says, undefined where there is none; or the error. Called once. */
export function readJson(
  request: IncomingMessage,
  bytesMax: number,
  done: (error: AforoError | null, body: unknown) => void,
): void {
  let first: Buffer | null = null
  let more: Buffer[] | null = null
  let bytes = 0
  let isDone = false
  const finish = (error: AforoError | null, body?: unknown) => {
    if (isDone) return
    isDone = true
    done(error, body)
  }
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bytesMax) {
      if (!isDone) request.resume()
      finish(new AforoError('body_too_large', `the body is larger than ${bytesMax} bytes`))
    } else if (first === null) first = chunk
    else if (more === null) more = [first, chunk]
    else more.push(chunk)
  })
  request.on('end', () => {
    if (isDone) return
    if (first === null) return finish(null)
    let body: unknown
    try {
      body = parsedJson((more ? Buffer.concat(more) : first).toString())
    } catch (error) {
      return finish(error as AforoError)
    }
    finish(null, body)
  })
  // Every request closes: an error that nobody hears of would be made for each.
  request.on('close', () => {
    if (!isDone) finish(new AforoError('invalid_argument', 'the body ended before its length'))
  })
}

/** As `readJson`, for whoever can wait. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    readJson(request, bytesMax, (error, body) => (error ? reject(error) : resolve(body)))
  })
}

/** What JSON says. @throws AforoError `invalid_argument` where it is none */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new AforoError('invalid_argument', 'the body is no valid JSON')
  }
}
