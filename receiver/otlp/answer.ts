import type { FieldFault } from '../../core/errors.ts'
import { bytesField, numberField } from './message.ts'
import type { WireStatus } from './status.ts'

/** How a body is written; an answer speaks as its request did. */
export type Encoding = 'protobuf' | 'json'

export const MEDIA_TYPES: Readonly<Record<Encoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
}

/** What became of a request that was taken. */
export interface Accepted {
  /** Spans that can never be billed and were left out. The sender must not send them again. */
  readonly rejectedSpans: number
  /** Why spans were left out, or a warning; empty where there is nothing to say. */
  readonly message: string
}

export const ALL_ACCEPTED: Accepted = { rejectedSpans: 0, message: '' }

/**
 * ExportTraceServiceResponse; those of logs and metrics have the same fields. A full success leaves partial_success
 * unset, as the specification asks.
 */
export function exportResponse(accepted: Accepted, encoding: Encoding): Buffer {
  const { rejectedSpans, message } = accepted
  const isFull = rejectedSpans === 0 && message === ''
  if (encoding === 'protobuf') {
    if (isFull) return Buffer.alloc(0)
    return bytesField(1, Buffer.concat([numberField(1, rejectedSpans), bytesField(2, message)]))
  }
  if (isFull) return Buffer.from('{}')
  const rejected = rejectedSpans === 0 ? {} : { rejectedSpans: String(rejectedSpans) }
  return Buffer.from(JSON.stringify({ partialSuccess: { ...rejected, errorMessage: message } }))
}

/** google.rpc.Status with RetryInfo for passing faults and BadRequest for faults of fields. */
export function statusBody(
  status: WireStatus,
  message: string,
  faults: readonly FieldFault[],
  encoding: Encoding,
): Buffer {
  return encoding === 'protobuf'
    ? statusMessage(status, message, faults)
    : Buffer.from(JSON.stringify(statusJson(status, message, faults)))
}

const TYPE_PREFIX = 'type.googleapis.com/google.rpc.'

function statusMessage(status: WireStatus, message: string, faults: readonly FieldFault[]): Buffer {
  const parts = [numberField(1, status.grpc), bytesField(2, message)]
  if (status.retryAfterSeconds !== null) {
    const delay = bytesField(1, numberField(1, status.retryAfterSeconds))
    parts.push(bytesField(3, any('RetryInfo', delay)))
  }
  if (faults.length > 0) {
    const violations = faults.map((fault) =>
      bytesField(1, Buffer.concat([bytesField(1, fault.path), bytesField(2, fault.message)])),
    )
    parts.push(bytesField(3, any('BadRequest', Buffer.concat(violations))))
  }
  return Buffer.concat(parts)
}

function any(type: string, value: Buffer): Buffer {
  return Buffer.concat([bytesField(1, TYPE_PREFIX + type), bytesField(2, value)])
}

function statusJson(status: WireStatus, message: string, faults: readonly FieldFault[]): object {
  const details: object[] = []
  if (status.retryAfterSeconds !== null)
    details.push({ '@type': `${TYPE_PREFIX}RetryInfo`, retryDelay: `${status.retryAfterSeconds}s` })
  if (faults.length > 0) {
    const fieldViolations = faults.map((fault) => ({ field: fault.path, description: fault.message }))
    details.push({ '@type': `${TYPE_PREFIX}BadRequest`, fieldViolations })
  }
  return { code: status.grpc, message, ...(details.length > 0 ? { details } : {}) }
}
