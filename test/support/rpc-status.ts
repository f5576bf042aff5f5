import protobuf from 'protobufjs'

/** google.rpc.Status, its details, and the answers of the export services, to read what we sent. */
const ROOT = protobuf.parse(`
syntax = "proto3";
package answer;
message Any { string type_url = 1; bytes value = 2; }
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
message RetryInfo { Duration retry_delay = 1; }
message PartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message ExportResponse { PartialSuccess partial_success = 1; }
`).root

export interface ReadStatus {
  readonly code: number
  readonly message: string
  readonly retrySeconds: number | null
}

export function readStatus(bytes: Uint8Array): ReadStatus {
  const status = read('Status', bytes) as { code: number; message: string; details: AnyMessage[] }
  const retry = status.details.find((detail) => detail.typeUrl === 'type.googleapis.com/google.rpc.RetryInfo')
  const delay = retry && (read('RetryInfo', retry.value) as { retryDelay: { seconds: number } }).retryDelay
  return { code: status.code, message: status.message, retrySeconds: delay ? Number(delay.seconds) : null }
}

export function readExportResponse(bytes: Uint8Array): object {
  return ROOT.lookupType('answer.ExportResponse').toObject(read('ExportResponse', bytes) as never, {
    longs: Number,
  })
}

interface AnyMessage {
  readonly typeUrl?: string
  readonly value: Uint8Array
}

function read(type: string, bytes: Uint8Array): object {
  return ROOT.lookupType(`answer.${type}`).decode(bytes)
}
