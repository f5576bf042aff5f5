import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT } from '../../core/log.ts'
import { type Embedded, startEmbedded } from '../../schema/embedded/launcher.ts'

/** A PostgreSQL of our own that can go away and come back: at the same address, with what was committed. */
export interface Postgres {
  readonly url: string
  stop(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

export async function startPostgres(): Promise<Postgres> {
  const dataDir = mkdtempSync(join(tmpdir(), 'aforo-collector-'))
  chmodSync(dataDir, 0o711)
  let server: Embedded = await startEmbedded({ dataDir, log: SILENT })
  const { url, clusterDir } = server
  return {
    url,
    stop: () => server.stop(),
    async start() {
      server = await startEmbedded({ dataDir, log: SILENT })
      if (server.url !== url) throw new Error('PostgreSQL came back at another address')
    },
    async remove() {
      await server.stop()
      for (const path of [clusterDir, dataDir]) rmSync(path, { recursive: true, force: true })
    },
  }
}
