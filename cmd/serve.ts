import type { Log } from '../core/log.ts'

/** What a role holds open, in the order it was opened. */
export interface Running {
  readonly name: string
  stop(): Promise<void>
}

/** Stops the last opened first; a part that fails to stop is logged and does not keep the others running. */
export async function stopAll(running: readonly Running[], log: Log): Promise<void> {
  for (const part of [...running].reverse()) {
    try {
      await part.stop()
    } catch (error) {
      log.error({ err: error, part: part.name }, 'did not stop cleanly')
    }
  }
}
