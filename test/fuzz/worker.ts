import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { Dice } from '../../bench/dice.ts'
import { TARGETS } from './targets.ts'

/** What the worker is told. */
export interface FuzzOrder {
  readonly seconds: number
  readonly seed: number
  /** Only this target. */
  readonly only: string | null
}

/** What it tells. A seed and the target's name make the same body again. */
export type FuzzNews =
  | { readonly kind: 'at'; readonly target: string; readonly seed: number }
  | { readonly kind: 'failed'; readonly target: string; readonly seed: number; readonly error: string }
  | { readonly kind: 'slow'; readonly target: string; readonly seed: number; readonly ms: number }
  | { readonly kind: 'memory'; readonly heapMb: number; readonly externalMb: number }
  | { readonly kind: 'done'; readonly runs: Readonly<Record<string, number>> }

/** A body of 64 KiB takes less than one; beside a busy machine, far less than this. */
const SLOW_MS = 2_000
const RUNS_BETWEEN_NEWS = 500
const MEMORY_POINTS = 5

const { seconds, seed: first, only } = workerData as FuzzOrder
const tell = (news: FuzzNews) => parentPort!.postMessage(news)
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const targets = Object.entries(TARGETS).filter(([name]) => only === null || name === only)
const runs: Record<string, number> = Object.fromEntries(targets.map(([name]) => [name, 0]))
const from = performance.now()
const end = from + seconds * 1_000
let measured = 0
for (let seed = first, count = 0; performance.now() < end; seed++) {
  for (const [target, run] of targets) {
    if (count++ % RUNS_BETWEEN_NEWS === 0) tell({ kind: 'at', target, seed })
    const began = performance.now()
    try {
      await run(new Dice(seed))
    } catch (error) {
      tell({ kind: 'failed', target, seed, error: error instanceof Error ? error.stack! : String(error) })
    }
    const ms = performance.now() - began
    if (ms > SLOW_MS) tell({ kind: 'slow', target, seed, ms: Math.round(ms) })
    runs[target] = runs[target]! + 1
  }
  if (performance.now() >= from + ((measured + 1) * seconds * 1_000) / (MEMORY_POINTS + 1)) {
    measured++
    collect()
    const { heapUsed, external } = process.memoryUsage()
    tell({
      kind: 'memory',
      heapMb: Math.round(heapUsed / 2 ** 20),
      externalMb: Math.round(external / 2 ** 20),
    })
  }
}
tell({ kind: 'done', runs })
