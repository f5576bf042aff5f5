import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createWatcher } from '../alerts/watcher.ts'
import { createApi } from '../api/server.ts'
import { expireDue } from '../rating/ledger/expire-due.ts'
import { refillDue } from '../rating/ledger/refill-due.ts'
import { topUpDue } from '../rating/ledger/top-up-due.ts'
import { periodOf } from '../rating/period.ts'
import { parsePlan } from '../rating/plans/plan.ts'
import { quote } from '../rating/plans/quote.ts'
import { allocateDue } from '../rating/prices/allocate.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createPriceUpdates } from '../rating/prices/updates/price-updates.ts'
import { createRater } from '../rating/rater.ts'
import { createProjector } from '../rating/running/projector.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { createCutter } from '../receiver/cut/cutter.ts'
import { createOpenAssembler } from '../receiver/open/assemble-open.ts'
import { startReceiver } from '../receiver/receiver.ts'
import { createDeliverer } from '../webhooks/deliverer.ts'
import { forgetOld } from '../webhooks/forget.ts'
import { startCheckThread } from './check/thread.ts'
import { type Context, cutSettings } from './context.ts'
import { invoicing } from './invoicing.ts'
import type { Part } from './part.ts'
import { startScheduledPull } from './prices/scheduled-pull.ts'
import { startNotices } from './prices/tell-notices.ts'
import { createSimulator } from './simulate/simulator.ts'
import { startTicker } from './ticker.ts'
import { VERSION } from './version.ts'

/** How often due traces and waiting revisions are looked for when there were none. */
const TICK_MS = 100
const TICK_BACKOFF_MS_MAX = 5_000
/** How often it is looked whether spans came to an open trace of a tenant with budgets. */
const RUNNING_TICK_MS = 20
/** How often recurring, expired and run down grants are looked for. Debits do not wait for it. */
const LEDGER_TICK_MS = 1_000
/** How often messages to be sent are looked for, and old ones forgotten. */
const DELIVER_TICK_MS = 250
const FORGET_TICK_MS = 60_000
/** How often alert rules that are due are looked for. */
const ALERT_TICK_MS = 250
/** How often closed hours of models that cost by the hour are looked for. */
const ALLOCATION_TICK_MS = 60_000

/** What a process can be. Any number of each may share a database. */
export const ROLES = { receiver, rater, api, check } as const
export type Role = keyof typeof ROLES

/** OTLP to usage journal. */
async function receiver(context: Context): Promise<Part> {
  const { config, pool, access, log, receiverMetrics } = context
  const running = await startReceiver({
    pool,
    access,
    log,
    metrics: receiverMetrics,
    httpAddr: config.otlpHttpAddr,
    grpcAddr: config.otlpGrpcAddr,
    bodyBytesMax: config.maxBodyBytes,
    cut: cutSettings(config),
  })
  return {
    name: 'receiver',
    ports: { otlp_grpc: running.grpcPort, otlp_http: running.httpPort },
    stop: () => running.stop(),
  }
}

/** Usage journal to rated events: the cut, then the rating. Both start from tables, so they need not be one process. */
async function rater(context: Context): Promise<Part> {
  const { config, pool, log, registry, receiverMetrics } = context
  await seedPriceBook(pool, new Date())
  const cutter = createCutter({
    pool,
    settings: cutSettings(config),
    log,
    assemble,
    metrics: receiverMetrics,
  })
  const assembleOpen = createOpenAssembler({ assemble, log })
  const rating = createRater({ pool, assembleOpen, log, registry })
  const projector = createProjector({ pool, assembleOpen, log, registry })
  const timing = { everyMs: TICK_MS, backoffMsMax: TICK_BACKOFF_MS_MAX, log }
  const rate = startTicker((now) => rating.rate(now), { name: 'rate', ...timing })
  const cut = startTicker(
    async (now) => {
      const settled = await cutter.cut(now)
      if (settled === 0) return 0
      // What nobody has looked at is looked at with its rating, which nobody of the tenant may do beside it. A failure is told
      // by the turns of the projector's own.
      await projector.project(new Date()).catch(() => 0)
      rate.wake()
      return settled
    },
    { name: 'cut', ...timing },
  )
  const running = startTicker((now) => projector.project(now), {
    name: 'running',
    ...timing,
    everyMs: RUNNING_TICK_MS,
  })
  const ledger = [
    startTicker((now) => refillDue(pool, log, now), { name: 'refill', ...timing, everyMs: LEDGER_TICK_MS }),
    startTicker((now) => expireDue(pool, now), { name: 'expiry', ...timing, everyMs: LEDGER_TICK_MS }),
    startTicker((now) => topUpDue(pool, now), { name: 'top-up', ...timing, everyMs: LEDGER_TICK_MS }),
  ]
  const allocation = startTicker((now) => allocateDue(pool, now), {
    name: 'allocation',
    ...timing,
    everyMs: ALLOCATION_TICK_MS,
    backoffMsMax: ALLOCATION_TICK_MS,
  })
  const watcher = createWatcher({ pool, log, registry })
  const alerts = startTicker((now) => watcher.watch(now), {
    name: 'alerts',
    ...timing,
    everyMs: ALERT_TICK_MS,
  })
  const webhooks = startWebhooks(context)
  const pull = startScheduledPull(context)
  const notices = startNotices(context)
  return {
    name: 'rater',
    ports: {},
    async stop() {
      await cut.stop()
      await rate.stop()
      await running.stop()
      for (const ticker of ledger) await ticker.stop()
      await allocation.stop()
      await alerts.stop()
      await webhooks.stop()
      await pull?.stop()
      await notices.stop()
    },
  }
}

/** Sends what the outbox holds. */
function startWebhooks({ config, pool, log, registry, isLocal, hasKey }: Context): { stop(): Promise<void> } {
  const deliverer = createDeliverer({
    pool,
    log,
    registry,
    // With a key there are others who may not be trusted with our neighbours.
    allowPrivate: async () =>
      config.webhookPrivate === 'auto' ? isLocal && !(await hasKey()) : config.webhookPrivate === 'allow',
    jitter: Math.random,
    clock: () => new Date(),
    onRoom: () => deliver.wake(),
  })
  const timing = { backoffMsMax: TICK_BACKOFF_MS_MAX, log }
  const deliver = startTicker((now) => deliverer.deliver(now), {
    name: 'webhooks',
    everyMs: DELIVER_TICK_MS,
    ...timing,
  })
  const forget = startTicker((now) => forgetOld(pool, now), {
    name: 'webhooks-forget',
    ...timing,
    everyMs: FORGET_TICK_MS,
    backoffMsMax: FORGET_TICK_MS,
  })
  return {
    async stop() {
      await deliver.stop()
      await forget.stop()
      await deliverer.idle()
    },
  }
}

/** Idle connections are kept longer than load balancers and clients keep theirs: who closes first resets what the other sends. */
const KEEP_ALIVE_MS = 75_000

/** REST. */
async function api({ config, pool, databaseUrl, access, log, registry }: Context): Promise<Part> {
  const pricing = { parsePlan, quote, periodOf }
  const app = createApi({
    pool,
    access,
    log,
    registry,
    pricing,
    prices: createPriceUpdates({ source: config.priceSource, against: config.priceCrossCheck }),
    simulate: createSimulator(databaseUrl),
    invoicing,
    now: () => new Date(),
    version: VERSION,
  })
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, app)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.apiAddr.port, config.apiAddr.host, resolve)
  })
  return {
    name: 'api',
    ports: { api: (server.address() as AddressInfo).port },
    stop: () =>
      new Promise((resolve) => {
        // What is under way is answered, and its connection not kept for more.
        server.keepAliveTimeout = 1
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

/** The check address, in a thread of its own. */
async function check({ config, databaseUrl, isLocal }: Context): Promise<Part> {
  return startCheckThread({
    url: databaseUrl,
    address: config.checkAddr,
    grpcAddress: config.authzGrpcAddr,
    isOpen: isLocal,
    checkRealTime: config.checkRealTime,
    log: config.log,
  })
}
