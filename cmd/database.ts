import type { Config } from '../core/config.ts'
import type { Log } from '../core/log.ts'
import { attachEmbedded } from '../schema/embedded/attach.ts'
import { startEmbedded } from '../schema/embedded/launcher.ts'
import { migrate } from '../schema/migrate.ts'

interface Database {
  readonly url: string
  readonly timescale: boolean
  /** Stops the embedded server; does nothing to a server that is not ours. */
  stop(): Promise<void>
}

/**
 * The database of the settings for a short command: that of a running Aforo where there is one, else opened for the
 * time of the command.
 */
export async function joinDatabase(config: Config, log: Log): Promise<Database> {
  const url = config.databaseUrl ? null : await attachEmbedded(config.dataDir)
  return url ? { url, timescale: false, stop: async () => {} } : openDatabase(config, log)
}

/** The database of the settings, migrated: DATABASE_URL where it is given, else the embedded PostgreSQL. */
export async function openDatabase(config: Config, log: Log): Promise<Database> {
  const server = config.databaseUrl
    ? { url: config.databaseUrl, stop: async () => {} }
    : await startEmbedded({ dataDir: config.dataDir, log })
  try {
    const { timescale, applied } = await migrate(server.url, { timescale: config.timescale })
    log.info({ timescale, applied }, 'database is ready')
    return { url: server.url, timescale, stop: server.stop }
  } catch (error) {
    await server.stop()
    throw error
  }
}
