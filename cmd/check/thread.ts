import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AforoError } from '../../core/errors.ts'
import type { Part } from '../part.ts'
import type { CheckOrder } from './worker.ts'

/** It is not waited for longer. */
const STOP_MS_MAX = 10_000

/**
 * Runs the check in a thread with an event loop of its own, so that no batch of spans keeps a decision waiting.
 * Rejects where it cannot listen; ends the process where the thread fails later, as a role that is gone must be seen.
 */
export async function startCheckThread(order: CheckOrder): Promise<Part> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: order, name: 'check' })
  const failed = once(worker, 'error').then(([error]) => {
    throw error
  })
  const ended = once(worker, 'exit').then(() => {
    throw new AforoError('internal', 'the thread of the check ended before it listened')
  })
  const [told] = (await Promise.race([once(worker, 'message'), failed, ended])) as [
    { port: number; grpcPort: number },
  ]
  ended.catch(() => {})
  failed.catch((error: unknown) => {
    throw error
  })
  return {
    name: 'check',
    ports: { check: told.port, authz_grpc: told.grpcPort },
    async stop() {
      const gone = once(worker, 'exit')
      const late = setTimeout(() => void worker.terminate(), STOP_MS_MAX)
      worker.postMessage('stop')
      await gone
      clearTimeout(late)
    },
  }
}
