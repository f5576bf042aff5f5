import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AforoError, type ErrorCode, type FieldFault } from '../../core/errors.ts'
import type { Simulate, Simulation, SimulationOrder } from '../../core/simulation.ts'

/** Simulations at once in one process: each takes a core, and one that serves has other things to do. */
const SIMULATIONS_MAX = 1
/** Most of what an event needs is dead with the event: with room for it, it is never moved to the old generation. */
const YOUNG_MB = 64
/** What a thread that was told to stop is given for it. */
const STOP_MS = 2_000

/** What the thread is told. */
export interface WorkerOrder {
  readonly url: string
  readonly order: SimulationOrder
}

/** What the thread answers. Errors lose their class on the way, so it is told what they say. */
export type WorkerAnswer =
  | { readonly simulation: Simulation }
  | { readonly code: ErrorCode; readonly message: string; readonly faults: readonly FieldFault[] }

/**
 * Runs simulations in a thread of their own, one at a time, so that a loop that serves is not held up.
 * A further one is refused with `unavailable`.
 */
export function createSimulator(url: string): Simulate {
  let running = 0
  return async (order, signal) => {
    if (running >= SIMULATIONS_MAX) throw new AforoError('unavailable', 'a simulation is running')
    running++
    try {
      return await simulateInThread({ url, order }, signal)
    } finally {
      running--
    }
  }
}

async function simulateInThread(workerData: WorkerOrder, signal: AbortSignal): Promise<Simulation> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  let late: NodeJS.Timeout | undefined
  // It ends its queries; one that does not is ended.
  const stop = () => {
    worker.postMessage('stop')
    late = setTimeout(() => void worker.terminate(), STOP_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    const ended = once(worker, 'exit').then(() => {
      throw new AforoError(
        signal.aborted ? 'unavailable' : 'internal',
        'the simulation ended without an answer',
      )
    })
    const [answer] = (await Promise.race([once(worker, 'message'), ended])) as [WorkerAnswer]
    // The end comes in any case, and is none to complain of now.
    ended.catch(() => {})
    if ('simulation' in answer) return answer.simulation
    throw new AforoError(answer.code, answer.message, { faults: answer.faults })
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
}
