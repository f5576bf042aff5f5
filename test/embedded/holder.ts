// Starts the embedded database in the folder it is given, says where it is, and stops it when its input ends.
import { SILENT } from '../../core/log.ts'
import { startEmbedded } from '../../schema/embedded/launcher.ts'

const embedded = await startEmbedded({ dataDir: process.argv[2] ?? '', log: SILENT, lockWaitMs: 0 })
process.stdout.write(`${JSON.stringify({ pid: embedded.pid, url: embedded.url })}\n`)
process.stdin.resume()
process.stdin.on('end', () => embedded.stop())
