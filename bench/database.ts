import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT } from '../core/log.ts'
import { type Embedded, startEmbedded } from '../schema/embedded/launcher.ts'
import { migrate } from '../schema/migrate.ts'

/** An embedded database, durable and migrated, beside a folder; both are gone where they are no longer used. */
export async function benchDatabase(): Promise<Embedded & AsyncDisposable & { readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-bench-'))
  // PostgreSQL refuses to run as root; the user it runs as must get through here.
  chmodSync(folder, 0o711)
  const server = await startEmbedded({ dataDir: join(folder, 'database'), log: SILENT })
  await migrate(server.url, { timescale: 'off' })
  return {
    ...server,
    folder,
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
