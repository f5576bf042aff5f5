import type { Log } from '../core/log.ts'

export interface Ticker {
  /** Runs at once instead of at the next tick. */
  wake(): void
  /** Waits for the turn under way; no further one starts. */
  stop(): Promise<void>
}

interface TickerOptions {
  readonly name: string
  readonly everyMs: number
  /** Longest pause after failures; it doubles from `everyMs`. */
  readonly backoffMsMax: number
  readonly log: Log
}

/**
 * Calls `turn` again and again: at once while it reports work done, else after a pause. One turn at a time. A failed
 * turn is logged once and the pause grows; the work stays where it was, in the database.
 */
export function startTicker(turn: (now: Date) => Promise<number>, options: TickerOptions): Ticker {
  let stopped = false
  let failures = 0
  let woken = false
  let timer: NodeJS.Timeout | undefined
  let current: Promise<void> = Promise.resolve()

  function pauseMs(): number {
    return Math.min(options.everyMs * 2 ** failures, options.backoffMsMax)
  }

  async function run(): Promise<void> {
    try {
      let done = 1
      while (done > 0 && !stopped) {
        woken = false
        done = await turn(new Date())
        failures = 0
      }
    } catch (error) {
      failures = Math.min(failures + 1, 16)
      options.log.error(
        { err: error, ticker: options.name, pause_ms: pauseMs() },
        'turn failed, will be tried again',
      )
    }
    if (!stopped) schedule(woken && failures === 0 ? 0 : pauseMs())
  }

  function schedule(delay: number): void {
    timer = setTimeout(() => {
      timer = undefined
      current = run()
    }, delay)
  }

  schedule(0)
  return {
    wake() {
      woken = true
      if (timer && failures === 0 && !stopped) {
        clearTimeout(timer)
        schedule(0)
      }
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await current
    },
  }
}
