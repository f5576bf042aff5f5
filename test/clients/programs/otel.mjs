// OpenTelemetry as an application sets it up: exporter and resource come from the OTEL_ variables.
import { register } from 'node:module'
import { NodeSDK } from '@opentelemetry/sdk-node'

// Modules that are imported after this can be patched by an instrumentation.
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)

/** Starts tracing, runs the program and exports what is left. */
export async function traced(program, { instrumentations = [], spanProcessors } = {}) {
  const sdk = new NodeSDK({ instrumentations, ...(spanProcessors && { spanProcessors }) })
  sdk.start()
  try {
    await program()
  } finally {
    await sdk.shutdown()
  }
}

/** Where the provider is. */
export const PROVIDER = process.env.PROVIDER_URL
