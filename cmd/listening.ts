import type { Config } from '../core/config.ts'
import type { Part } from './part.ts'

/** What was taken, once as a JSON line for programs (stdout) and once for people (stderr). */
export function announce(config: Config, parts: readonly Part[]): void {
  const ports = Object.assign({}, ...parts.map((part) => part.ports)) as Record<string, number>
  process.stdout.write(`${JSON.stringify({ event: 'listening', ...ports })}\n`)
  const lines = [
    ports.otlp_http &&
      `OTLP/HTTP  OTEL_EXPORTER_OTLP_ENDPOINT=http://${host(config.otlpHttpAddr.host)}:${ports.otlp_http}`,
    ports.otlp_grpc &&
      `OTLP/gRPC  OTEL_EXPORTER_OTLP_ENDPOINT=http://${host(config.otlpGrpcAddr.host)}:${ports.otlp_grpc} OTEL_EXPORTER_OTLP_PROTOCOL=grpc`,
    ports.check && `Check      http://${host(config.checkAddr.host)}:${ports.check}/v1/check`,
    ports.authz_grpc && `Envoy      ${host(config.authzGrpcAddr.host)}:${ports.authz_grpc} (gRPC)`,
    ports.api && `API        http://${host(config.apiAddr.host)}:${ports.api}/v1/events`,
  ]
  process.stderr.write(
    `\nAforo is listening.\n${lines
      .filter(Boolean)
      .map((line) => `  ${line}\n`)
      .join('')}\n`,
  )
}

function host(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}
