import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace'
import { type GuardOptions, type Instrumentation, start } from '../../instrumentation/index.ts'
import { type CheckWorld, startWorld, until } from '../sidecar/start.ts'

/** A check server over a database, a guard that asks it, and the spans of the process. */
export interface GuardedWorld extends CheckWorld {
  readonly spans: InMemorySpanExporter
  readonly faults: unknown[]
  readonly tracing: Instrumentation
  /** How a hold stands in the centre's books. */
  stateOf(holdId: string): Promise<string | undefined>
  /** Waits until the check knows of a budget. */
  knows(budget: string, asked: object): Promise<void>
}

export async function startGuarded(options: Partial<GuardOptions> = {}): Promise<GuardedWorld> {
  const world = await startWorld()
  const spans = new InMemorySpanExporter()
  const faults: unknown[] = []
  const check = {
    endpoint: world.url,
    timeoutMs: 60_000,
    onFault: (fault: unknown) => faults.push(fault),
    ...options,
  }
  const tracing = start({ serviceName: 'guarded', exporter: spans, check })
  return {
    ...world,
    spans,
    faults,
    tracing,
    async stateOf(holdId) {
      const { rows } = await world.database.pool.query<{ state: string }>(
        'select state from aforo_store.budget_holds where hold_id = $1',
        [holdId],
      )
      return rows[0]?.state
    },
    knows: (budget, asked) => until(async () => (await world.check(asked)).body.budget === budget),
    async stop() {
      await tracing.shutdown()
      await world.stop()
    },
  }
}

/** A model provider: answers what `reply` writes, and counts what it was asked. */
export interface Provider {
  readonly url: string
  asked: number
  close(): Promise<void>
}

export async function startProvider(
  reply: (path: string, response: ServerResponse) => void,
): Promise<Provider> {
  const server = createServer((request, response) => {
    provider.asked++
    request.resume().on('end', () => reply(request.url!, response))
  })
  // It closes nothing that a client may be about to use again.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const provider: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return provider
}
