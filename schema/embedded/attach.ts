import { resolve } from 'node:path'
import { readPassword } from './cluster.ts'
import { serverUrl, serves } from './connect.ts'
import { DATABASE } from './launcher.ts'
import { knownClusters } from './place.ts'
import { readPort } from './server.ts'

/**
 * The URL of the server that a running Aforo has over the folder; null where none answers. For commands that work
 * beside it: the server stays its starter's, and ends with it.
 */
export async function attachEmbedded(dataDir: string): Promise<string | null> {
  for (const dir of knownClusters(resolve(dataDir))) {
    const port = readPort(dir)
    if (port === undefined) continue
    const password = readPassword(dir)
    if (await serves(port, password, dir)) return serverUrl(port, password, DATABASE)
  }
  return null
}
