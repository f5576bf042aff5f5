import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AforoError } from '../../core/errors.ts'
import { statusBody } from './answer.ts'
import { framed } from './grpc-message.ts'
import { CODINGS } from './inflate.ts'
import { GRPC_OK, statusOf, toldMessage } from './status.ts'

const CONTENT_TYPE = 'application/grpc'
const HEADERS: OutgoingHttpHeaders = { ':status': 200, 'content-type': CONTENT_TYPE }
const TRAILERS: OutgoingHttpHeaders = { 'grpc-status': GRPC_OK }
const UNIMPLEMENTED = 12

/** Headers and trailers are small everywhere; a message is told up to here. */
const MESSAGE_CHARS_MAX = 1_024

/** Opens an answer of messages; `stream.end` with or without a last one ends it well. */
export function openReply(stream: ServerHttp2Stream): void {
  stream.respond(HEADERS, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(TRAILERS))
}

/** Answers a call with its one message. */
export function reply(stream: ServerHttp2Stream, message: Buffer): void {
  if (!isOpen(stream)) return
  openReply(stream)
  stream.end(framed(message))
}

/** Answers with a status alone, google.rpc.Status in a trailer. What is still being sent is not read any more. */
export function refuse(stream: ServerHttp2Stream, fault: AforoError): void {
  if (!isOpen(stream)) return
  const status = statusOf(fault)
  const message = toldMessage(fault).slice(0, MESSAGE_CHARS_MAX)
  const headers: OutgoingHttpHeaders = {
    ...HEADERS,
    'grpc-status': status.grpc,
    'grpc-message': percentEncoded(message),
    'grpc-status-details-bin': statusBody(status, message, fault.faults, 'protobuf').toString('base64'),
  }
  if (status.grpc === UNIMPLEMENTED) headers['grpc-accept-encoding'] = CODINGS
  close(stream, headers)
}

/** Answers what is no gRPC at all, in the language of HTTP. */
export function refuseHttp(stream: ServerHttp2Stream, status: 405 | 415): void {
  if (isOpen(stream)) close(stream, { ':status': status })
}

function close(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.respond(headers, { endStream: true })
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
}

function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed && !stream.headersSent
}

/** A status message as gRPC writes it: printable ASCII but the percent sign as it is, other bytes in hex. */
function percentEncoded(message: string): string {
  return message.toWellFormed().replace(/[^ -$&-~]+/gu, encodeURIComponent)
}
