import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** The messages of the .proto files beside this one, as the loader reads and writes them. */

interface EnvoyHeader {
  readonly key: string
  readonly value?: string
  readonly raw_value?: Uint8Array
}

export interface AuthorizationRequest {
  readonly attributes?: {
    readonly request?: {
      readonly http?: {
        readonly headers?: Readonly<Record<string, string>>
        readonly header_map?: { readonly headers?: readonly EnvoyHeader[] }
        readonly path?: string
      }
    }
    readonly context_extensions?: Readonly<Record<string, string>>
  }
}

export interface HeaderOption {
  readonly header: EnvoyHeader
  readonly append_action: 'OVERWRITE_IF_EXISTS_OR_ADD'
}

export interface AuthorizationResponse {
  readonly status: { readonly code: number; readonly message?: string }
  readonly denied_response?: {
    readonly status: { readonly code: number }
    readonly headers: readonly HeaderOption[]
  }
  readonly ok_response?: {
    readonly headers: readonly HeaderOption[]
    readonly headers_to_remove: readonly string[]
    readonly response_headers_to_add: readonly HeaderOption[]
  }
  readonly dynamic_metadata?: { readonly fields: Readonly<Record<string, { readonly stringValue: string }>> }
}

export interface RateLimitDescriptor {
  readonly entries?: readonly { readonly key?: string; readonly value?: string }[]
  /** 64 bits, as text. */
  readonly hits_addend?: { readonly value?: string }
}

export interface RateLimitRequest {
  readonly domain?: string
  readonly descriptors?: readonly RateLimitDescriptor[]
  readonly hits_addend?: number
}

export interface DescriptorStatus {
  readonly code: 'OK' | 'OVER_LIMIT'
  readonly current_limit?: {
    readonly requests_per_unit: number
    readonly unit: 'HOUR' | 'DAY' | 'MONTH' | 'UNKNOWN'
    readonly name: string
  }
  readonly limit_remaining?: number
  readonly duration_until_reset?: { readonly seconds: string }
}

export interface RateLimitResponse {
  readonly overall_code: 'OK' | 'OVER_LIMIT'
  readonly statuses: readonly DescriptorStatus[]
  readonly response_headers_to_add: readonly EnvoyHeader[]
  readonly request_headers_to_add: readonly EnvoyHeader[]
}

export interface HealthRequest {
  readonly service?: string
}

export interface HealthResponse {
  readonly status: 'SERVING' | 'NOT_SERVING'
}

const FOLDER = dirname(fileURLToPath(import.meta.url))
const FILES = ['authorization.proto', 'rate-limit.proto', 'health.proto'].map((name) => join(FOLDER, name))
export const SERVICES = {
  authorization: 'envoy.service.auth.v3.Authorization',
  rateLimit: 'envoy.service.ratelimit.v3.RateLimitService',
  health: 'grpc.health.v1.Health',
} as const

/** The services by name, for a server and for a client. */
export function loadServices(): Record<keyof typeof SERVICES, ServiceDefinition> {
  const found = loadSync(FILES, { keepCase: true, longs: String, enums: String, oneofs: false })
  const of = (name: string) => found[name] as ServiceDefinition
  return {
    authorization: of(SERVICES.authorization),
    rateLimit: of(SERVICES.rateLimit),
    health: of(SERVICES.health),
  }
}
