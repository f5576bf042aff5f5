import type { IncomingMessage } from 'node:http'
import { AforoError } from '../../core/errors.ts'
import { freeChunk } from './body-buffers.ts'
import type { Reservation } from './in-flight.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Reads a request's body, still compressed. With a content-length the body is written into one buffer of just that
 * size, which is the reservation's: it must not be read after its release. Without, chunks are joined at the end.
 * Chunks are nobody else's: their memory is given back as soon as they are copied.
 *
 * @throws AforoError `body_too_large` beyond `bytesMax`, `unavailable` where there is no room for it now,
 *   `invalid_argument` where the sender broke off
 */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  reservation: Reservation,
): Promise<Buffer> {
  const declared = request.headers['content-length']
  if (declared === undefined) return readChunks(request, bytesMax, reservation)
  const length = Number(declared)
  if (length > bytesMax) return Promise.reject(tooLarge(bytesMax))
  return readExactly(request, length, reservation)
}

export function tooLarge(bytesMax: number): AforoError {
  return new AforoError('body_too_large', `body is larger than ${bytesMax} bytes`)
}

function readExactly(request: IncomingMessage, length: number, reservation: Reservation): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    reservation.grow(length)
    let body: Buffer = NOTHING
    let at = 0
    request.on('data', (chunk: Buffer) => {
      const bytes = chunk.length
      if (at === 0 && bytes === length) body = reservation.adopt(chunk)
      else {
        if (body === NOTHING) body = reservation.buffer(length)
        chunk.copy(body, at)
        freeChunk(chunk)
      }
      at += bytes
    })
    request.on('end', () => (at === length ? resolve(body) : reject(brokenOff())))
    onBreak(request, reject)
  })
}

function readChunks(request: IncomingMessage, bytesMax: number, reservation: Reservation): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      try {
        bytes += chunk.length
        if (bytes > bytesMax) throw tooLarge(bytesMax)
        reservation.grow(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        request.removeAllListeners('data')
        chunks.length = 0
        reject(error)
      }
    })
    request.on('end', () => resolve(joined(chunks)))
    onBreak(request, reject)
  })
}

function joined(chunks: readonly Buffer[]): Buffer {
  if (chunks.length === 1) return chunks[0]!
  const body = Buffer.concat(chunks)
  for (const chunk of chunks) freeChunk(chunk)
  return body
}

/** A request closes after its end too, when nobody asks any more and no error is to be made. */
function onBreak(request: IncomingMessage, reject: (error: AforoError) => void): void {
  const fail = () => {
    if (request.complete) return
    request.removeAllListeners('data')
    reject(brokenOff())
  }
  request.on('error', fail)
  request.on('close', fail)
}

function brokenOff(): AforoError {
  return new AforoError('invalid_argument', 'the body ended before its length')
}
