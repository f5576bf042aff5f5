import { parentPort, workerData } from 'node:worker_threads'
import { asAforoError } from '../../core/errors.ts'
import { SIMULATION_CONNECTIONS, simulate } from '../../rating/simulation/simulate.ts'
import { openPool } from '../../schema/pool.ts'
import type { WorkerAnswer, WorkerOrder } from './simulator.ts'

const { url, order } = workerData as WorkerOrder
const stopped = new AbortController()
parentPort!.once('message', () => stopped.abort())
const pool = openPool(url, { max: SIMULATION_CONNECTIONS })
try {
  answer({ simulation: await simulate(pool, order, stopped.signal) })
} catch (error) {
  const { code, message, faults } = asAforoError(error)
  answer({ code, message, faults })
} finally {
  await pool.end()
}

function answer(given: WorkerAnswer): void {
  parentPort!.postMessage(given)
}
