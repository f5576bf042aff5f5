import type { Transform } from 'node:stream'
import {
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib'
import { AforoError } from '../../core/errors.ts'
import { tooLarge } from './body.ts'
import type { Reservation } from './in-flight.ts'

/** Content codings that are taken, as `Accept-Encoding` tells them. */
export const CODINGS = 'gzip, zstd, deflate'

/** Bodies up to this are tried at once: cheaper than a stream, and short enough not to hold others up. */
const SYNC_INPUT_BYTES_MAX = 65_536
const SYNC_OUTPUT_BYTES_MAX = 1_048_576
const OUTPUT_CHUNK_BYTES = 262_144

interface Coding {
  readonly atOnce: (body: Buffer, options: { maxOutputLength: number }) => Buffer
  readonly stream: (options: { chunkSize: number }) => Transform
}

const GZIP: Coding = { atOnce: gunzipSync, stream: createGunzip }
const ZSTD: Coding = { atOnce: zstdDecompressSync, stream: createZstdDecompress }
const DEFLATE: Coding = { atOnce: inflateSync, stream: createInflate }
const RAW_DEFLATE: Coding = { atOnce: inflateRawSync, stream: createInflateRaw }

/**
 * Undoes a content coding. The bound holds for what comes out, and stops the work where it is passed: a bomb costs
 * no more than an honest body.
 *
 * @throws AforoError `unsupported_media_type` for an unknown coding, `invalid_argument` for a broken stream,
 *   `body_too_large` beyond `bytesMax`, `unavailable` where there is no room for it now
 */
export async function inflate(
  body: Buffer,
  contentEncoding: string | undefined,
  bytesMax: number,
  reservation: Reservation,
): Promise<Buffer> {
  const coding = codingOf(contentEncoding, body)
  if (coding === null || body.length === 0) return body
  if (body.length <= SYNC_INPUT_BYTES_MAX) {
    const inflated = inflateAtOnce(coding, body, Math.min(bytesMax, SYNC_OUTPUT_BYTES_MAX))
    if (inflated !== null) {
      reservation.grow(inflated.length)
      return inflated
    }
  }
  return inflateInChunks(coding, body, bytesMax, reservation)
}

/** Null for a body that is not encoded. */
function codingOf(contentEncoding: string | undefined, body: Buffer): Coding | null {
  switch (contentEncoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
    case 'none':
      return null
    case 'gzip':
    case 'x-gzip':
      return GZIP
    case 'zstd':
      return ZSTD
    case 'deflate':
      return isZlib(body) ? DEFLATE : RAW_DEFLATE
    default:
      throw new AforoError('unsupported_media_type', `content-encoding must be one of ${CODINGS}, identity`)
  }
}

/** `deflate` means zlib's format by the letter, and bare deflate to some senders. */
function isZlib(body: Buffer): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0
}

/** Null where the output is larger than is done at once. */
function inflateAtOnce(coding: Coding, body: Buffer, maxOutputLength: number): Buffer | null {
  try {
    return coding.atOnce(body, { maxOutputLength })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null
    throw broken(error)
  }
}

function inflateInChunks(
  coding: Coding,
  body: Buffer,
  bytesMax: number,
  reservation: Reservation,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = coding.stream({ chunkSize: OUTPUT_CHUNK_BYTES })
    const chunks: Buffer[] = []
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      try {
        bytes += chunk.length
        if (bytes > bytesMax) throw tooLarge(bytesMax)
        reservation.grow(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        stream.destroy()
        chunks.length = 0
        reject(error)
      }
    })
    stream.on('end', () => resolve(Buffer.concat(chunks, bytes)))
    stream.on('error', (error) => reject(broken(error)))
    stream.end(body)
  })
}

function broken(error: unknown): AforoError {
  return new AforoError('invalid_argument', 'body does not decompress', { cause: error })
}
