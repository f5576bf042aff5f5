import type pg from 'pg'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { type Config, isLoopback } from '../core/config.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import type { Log } from '../core/log.ts'
import { CUT_DEFAULTS, type CutSettings } from '../receiver/cut/settings.ts'
import { createReceiverMetrics, type ReceiverMetrics } from '../receiver/metrics.ts'
import { type Access, createAccess } from '../schema/access.ts'
import { createInitialKeys, hasAnyKey } from '../schema/keys.ts'
import { openPool } from '../schema/pool.ts'
import { openDatabase } from './database.ts'

/** What every role is given. */
export interface Context {
  readonly config: Config
  readonly log: Log
  readonly pool: pg.Pool
  /** Where the pool leads, for threads that open their own. */
  readonly databaseUrl: string
  readonly registry: Registry
  readonly receiverMetrics: ReceiverMetrics
  readonly access: Access
  /** Every address is one that only this machine reaches. */
  readonly isLocal: boolean
  hasKey(): Promise<boolean>
  close(): Promise<void>
}

/** Connections of one process: the journal's writers, the cutter, the rater and the API's readers. */
const POOL_SIZE = 16

/** Opens and migrates the database, stores the initial keys, and makes what the roles share. */
export async function openContext(config: Config, log: Log): Promise<Context> {
  const database = await openDatabase(config, log)
  const pool = openPool(database.url, { max: POOL_SIZE })
  try {
    await createInitialKeys(pool, DEFAULT_TENANT, config.initialKeys)
  } catch (error) {
    await pool.end()
    await database.stop()
    throw error
  }
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const { otlpHttpAddr, otlpGrpcAddr, apiAddr, checkAddr, authzGrpcAddr } = config
  const isLocal = [otlpHttpAddr, otlpGrpcAddr, apiAddr, checkAddr, authzGrpcAddr].every((a) =>
    isLoopback(a.host),
  )
  return {
    config,
    log,
    pool,
    databaseUrl: database.url,
    registry,
    receiverMetrics: createReceiverMetrics(registry),
    access: createAccess(pool, { open: isLocal }),
    isLocal,
    hasKey: () => hasAnyKey(pool),
    async close() {
      await pool.end()
      await database.stop()
    },
  }
}

/** When the settings want a trace to be cut. */
export function cutSettings(config: Config): CutSettings {
  return {
    ...CUT_DEFAULTS,
    quietMs: config.cutQuietMs,
    idleMs: config.cutIdleMs,
    maxAgeMs: config.cutMaxAgeMs,
  }
}
