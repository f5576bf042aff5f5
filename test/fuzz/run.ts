import { Worker } from 'node:worker_threads'
import { Command } from 'commander'
import type { FuzzNews, FuzzOrder } from './worker.ts'

/*
 * Feeds random, mutated and truncated bodies to everything that reads what senders sent: both decoders up to the
 * assembly, decompression, gRPC framing. Fails where something throws what is none of our refusals, takes far too long,
 * does not come back, or keeps memory.
 */

const SECONDS_DEFAULT = 300
/** A worker that says nothing for so long hangs: it is ended, and told where it was. */
const SILENT_MS_MAX = 30_000
/** How much more may be kept at the end than when a fifth was done. */
const GROWTH_MB_MAX = 48
const FAILURES_TOLD_MAX = 20

const options = new Command('fuzz')
  .option('--seconds <n>', 'how long', Number, SECONDS_DEFAULT)
  .option('--seed <n>', 'of the first body; others follow it by one', Number, Date.now() % 2 ** 31)
  .option('--only <target>', 'protobuf, json, inflate or framing')
  .parse()
  .opts<{ seconds: number; seed: number; only?: string }>()

const order: FuzzOrder = { seconds: options.seconds, seed: options.seed, only: options.only ?? null }
const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: order })
const failures: string[] = []
const memory: number[] = []
let last = 'the start'
let runs: Readonly<Record<string, number>> = {}
let heard = performance.now()

console.log(`fuzz · Node ${process.versions.node} · ${order.seconds} s from seed ${order.seed}`)
worker.on('message', (news: FuzzNews) => {
  heard = performance.now()
  switch (news.kind) {
    case 'at':
      last = `${news.target}, at or after seed ${news.seed}`
      break
    case 'failed':
      failures.push(`${news.target}, seed ${news.seed}: ${news.error}`)
      break
    case 'slow':
      failures.push(`${news.target}, seed ${news.seed}: took ${news.ms} ms`)
      break
    case 'memory':
      memory.push(news.heapMb + news.externalMb)
      console.log(`  kept: ${news.heapMb} MB of heap, ${news.externalMb} MB outside`)
      break
    case 'done':
      runs = news.runs
      break
  }
})
const watch = setInterval(() => {
  if (performance.now() - heard < SILENT_MS_MAX) return
  failures.push(`hangs: ${last}`)
  void worker.terminate()
}, 1_000)
const ended = await new Promise<Error | null>((resolve) => {
  worker.once('error', resolve)
  worker.once('exit', () => resolve(null))
})
clearInterval(watch)
if (ended !== null) failures.push(`crashed: ${last}: ${ended.stack}`)
const growth = memory.length < 2 ? 0 : memory.at(-1)! - memory[0]!
if (growth > GROWTH_MB_MAX) failures.push(`keeps ${growth} MB more than at first`)

for (const [target, count] of Object.entries(runs)) {
  console.log(`  ${target.padEnd(10)}${count.toLocaleString('en').padStart(12)} bodies`)
}
for (const failure of failures.slice(0, FAILURES_TOLD_MAX)) console.error(`failure  ${failure}`)
if (failures.length > FAILURES_TOLD_MAX) console.error(`and ${failures.length - FAILURES_TOLD_MAX} more`)
console.log(
  failures.length === 0 ? '  nothing crashed, hung or kept memory' : `  ${failures.length} failures`,
)
process.exitCode = failures.length === 0 ? 0 : 1
