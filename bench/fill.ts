import type pg from 'pg'
import { Registry } from 'prom-client'
import { SILENT } from '../core/log.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createRater } from '../rating/rater.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { createCutter } from '../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../receiver/cut/settings.ts'
import { createReceiverMetrics } from '../receiver/metrics.ts'
import { startReceiver } from '../receiver/receiver.ts'
import { agentTraces } from './agent-traces.ts'
import { sendAll } from './load.ts'
import { storeCustomers } from './rate-events.ts'

const TRACES_PER_BATCH = 100
const SENDERS = 4
const CUT = { ...CUT_DEFAULTS, quietMs: 0, idleMs: 0 }

/** Fills books from the socket to the rating, as `bench/pipeline.ts` does; customers are `customer_0` to the last. */
export async function fillBooks(
  pool: pg.Pool,
  of: { readonly events: number; readonly customers: number; readonly endMs: number },
): Promise<void> {
  await seedPriceBook(pool, new Date(Date.UTC(2025, 0, 1)))
  await storeCustomers(pool, of.customers, 'customer_')
  const metrics = createReceiverMetrics(new Registry())
  const receiver = await startReceiver({
    pool,
    access: { authorise: async () => 'default' },
    log: SILENT,
    metrics,
    httpAddr: { host: '127.0.0.1', port: 0 },
    grpcAddr: { host: '127.0.0.1', port: 0 },
    bodyBytesMax: 67_108_864,
    cut: CUT,
  })
  let seed = 0
  await sendAll(receiver.httpPort, SENDERS, () => {
    if (seed++ >= of.events / TRACES_PER_BATCH) return null
    return agentTraces({
      traces: TRACES_PER_BATCH,
      seed,
      customers: of.customers,
      endMs: of.endMs + seed * 1_000,
    })
  })
  await receiver.stop()
  const cutter = createCutter({ pool, settings: CUT, log: SILENT, assemble, metrics })
  const rater = createRater({ pool })
  while ((await cutter.cut(new Date())) > 0);
  while ((await rater.rate(new Date())) > 0);
}
