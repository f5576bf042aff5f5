import { Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js'
import protobuf from 'protobufjs'

/**
 * Envoy's messages, numbered as its published definitions number them and with more of their fields than we read: what
 * a real Envoy sends must be understood too. Names of packages are left out where they do not show on the wire.
 */
const ENVOY_PROTO = `
syntax = "proto3";
package envoy;

message AuthRequest { AttributeContext attributes = 1; }
message AttributeContext {
  Peer source = 1; Peer destination = 2; Request request = 4;
  map<string, string> context_extensions = 10; TlsSession tls_session = 12;
  message Peer { Address address = 1; string service = 2; map<string, string> labels = 3; string principal = 4; }
  message Request { Timestamp time = 1; HttpRequest http = 2; }
  message TlsSession { string sni = 1; }
  message HttpRequest {
    string id = 1; string method = 2; map<string, string> headers = 3; string path = 4; string host = 5;
    string scheme = 6; string query = 7; string fragment = 8; int64 size = 9; string protocol = 10;
    string body = 11; bytes raw_body = 12; HeaderMap header_map = 13;
  }
}
message Address { SocketAddress socket_address = 1; }
message SocketAddress { int32 protocol = 1; string address = 2; uint32 port_value = 3; }
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
message HeaderMap { repeated HeaderValue headers = 1; }
message HeaderValue { string key = 1; string value = 2; bytes raw_value = 3; }
message HeaderValueOption {
  HeaderValue header = 1; BoolValue append = 2; AppendAction append_action = 3; bool keep_empty_value = 4;
  enum AppendAction {
    APPEND_IF_EXISTS_OR_ADD = 0; ADD_IF_ABSENT = 1; OVERWRITE_IF_EXISTS_OR_ADD = 2; OVERWRITE_IF_EXISTS = 3;
  }
}
message BoolValue { bool value = 1; }
message AuthResponse {
  RpcStatus status = 1;
  oneof http_response { Denied denied_response = 2; Allowed ok_response = 3; Denied error_response = 5; }
  Struct dynamic_metadata = 4;
}
message RpcStatus { int32 code = 1; string message = 2; }
message HttpStatus { int32 code = 1; }
message Denied { HttpStatus status = 1; repeated HeaderValueOption headers = 2; string body = 3; }
message Allowed {
  repeated HeaderValueOption headers = 2; repeated string headers_to_remove = 5;
  repeated HeaderValueOption response_headers_to_add = 6;
}
message Struct { map<string, Value> fields = 1; }
message Value { oneof kind { double number_value = 2; string string_value = 3; bool bool_value = 4; } }

message RateLimitRequest { string domain = 1; repeated Descriptor descriptors = 2; uint32 hits_addend = 3; }
message Descriptor {
  repeated Entry entries = 1; Override limit = 2; UInt64Value hits_addend = 3;
  message Entry { string key = 1; string value = 2; }
  message Override { uint32 requests_per_unit = 1; int32 unit = 2; }
}
message UInt64Value { uint64 value = 1; }
message RateLimitResponse {
  Code overall_code = 1; repeated Status statuses = 2;
  repeated HeaderValue response_headers_to_add = 3; repeated HeaderValue request_headers_to_add = 4;
  bytes raw_body = 5; Struct dynamic_metadata = 6;
  enum Code { UNKNOWN = 0; OK = 1; OVER_LIMIT = 2; }
  message Status {
    Code code = 1; Limit current_limit = 2; uint32 limit_remaining = 3; Duration duration_until_reset = 4;
  }
  message Limit {
    uint32 requests_per_unit = 1; Unit unit = 2; string name = 3;
    enum Unit { UNKNOWN = 0; SECOND = 1; MINUTE = 2; HOUR = 3; DAY = 4; MONTH = 5; YEAR = 6; WEEK = 7; }
  }
}

message HealthRequest { string service = 1; }
message HealthResponse { Serving status = 1; enum Serving { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; } }
`

const root = protobuf.parse(ENVOY_PROTO, { keepCase: true }).root

/** Calls of Envoy: path, and what goes to it and comes back. */
const CALLS = {
  check: ['/envoy.service.auth.v3.Authorization/Check', 'AuthRequest', 'AuthResponse'],
  shouldRateLimit: [
    '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    'RateLimitRequest',
    'RateLimitResponse',
  ],
  health: ['/grpc.health.v1.Health/Check', 'HealthRequest', 'HealthResponse'],
} as const

/** A message as plain fields, enums by name and 64-bit numbers as text. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever is answered.
export type Told = any

export interface EnvoyClient {
  /** Rejects with the status of the call. */
  call(name: keyof typeof CALLS, message: object, metadata?: Metadata): Promise<Told>
  /** Any bytes to any path. */
  raw(path: string, bytes: Buffer): Promise<Buffer>
  close(): void
}

/** A real gRPC client that speaks as Envoy does. */
export function envoyClient(port: number): EnvoyClient {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const raw = (path: string, bytes: Buffer, metadata?: Metadata) =>
    new Promise<Buffer>((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Buffer) => (error ? reject(error) : resolve(answer!))
      const asIs = (buffer: Buffer) => buffer
      if (metadata) client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, done)
      else client.makeUnaryRequest(path, asIs, asIs, bytes, done)
    })
  return {
    async call(name, message, metadata) {
      const [path, request, response] = CALLS[name]
      const type = root.lookupType(`envoy.${request}`)
      const bytes = Buffer.from(type.encode(type.fromObject(message)).finish())
      const answer = root.lookupType(`envoy.${response}`)
      const told = answer.decode(await raw(path, bytes, metadata))
      return answer.toObject(told, { longs: String, enums: String, defaults: false })
    },
    raw,
    close: () => client.close(),
  }
}
