import { parentPort, workerData } from 'node:worker_threads'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Address, Config } from '../../core/config.ts'
import { periodOf } from '../../rating/period.ts'
import { createRateCards } from '../../rating/rate-cards.ts'
import { createAccess } from '../../schema/access.ts'
import { endOverdueHolds } from '../../schema/budgets/holds.ts'
import { createDatabaseClock } from '../../schema/database-clock.ts'
import { openPool } from '../../schema/pool.ts'
import { isMigrated } from '../../schema/readiness.ts'
import { createDatabaseCentre } from '../../sidecar/centre/database-centre.ts'
import { startCheck } from '../../sidecar/check.ts'
import { logger } from '../logger.ts'
import { startTicker } from '../ticker.ts'
import { registerGivenOut } from './given-out-metrics.ts'
import { raiseCheck } from './real-time.ts'

/** What the thread of the check is told. */
export interface CheckOrder {
  readonly url: string
  readonly address: Address
  readonly grpcAddress: Address
  readonly isOpen: boolean
  readonly checkRealTime: Config['checkRealTime']
  readonly log: string
}

/** Connections of the check: the spenders asked for, and the messages of sidecars. */
const POOL_SIZE = 8
/** How often holds and leases are looked for that nobody ended in time. */
const OVERDUE_TICK_MS = 1_000
const OVERDUE_BACKOFF_MS_MAX = 10_000

const order = workerData as CheckOrder
const log = logger(order.log)
const pool = openPool(order.url, { max: POOL_SIZE, seeks: true })
const registry = new Registry()
collectDefaultMetrics({ register: registry })
registerGivenOut(registry, pool, log)
const access = createAccess(pool, { open: order.isOpen })
const { now, stop: stopClock } = await createDatabaseClock(pool)
const centre = createDatabaseCentre({ pool, access, periodOf, rates: createRateCards(), log, now })
const running = await startCheck({
  centre,
  address: order.address,
  grpcAddress: order.grpcAddress,
  registry,
  log,
  isReady: () => isMigrated(pool),
})
await raiseCheck(order.checkRealTime, registry, log)
const overdue = startTicker(() => endOverdueHolds(pool, now()), {
  name: 'overdue_holds',
  everyMs: OVERDUE_TICK_MS,
  backoffMsMax: OVERDUE_BACKOFF_MS_MAX,
  log,
})
parentPort!.on('message', async () => {
  await overdue.stop()
  stopClock()
  await running.stop()
  await pool.end()
  parentPort!.postMessage({ event: 'stopped' })
  parentPort!.close()
})
parentPort!.postMessage({ event: 'listening', port: running.port, grpcPort: running.grpcPort })
