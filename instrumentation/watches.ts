import type { CheckRequest } from '../core/decision.ts'
import type { CheckClient } from './check-client.ts'
import { DeniedError } from './denied.ts'

/** Sessions with calls in flight, each watched for a denial. */
export interface Watches {
  /** Aborts `stop` once the session is denied. The function that is returned ends that. */
  add(of: CheckRequest | null, stop: AbortController): () => void
  close(): void
}

/** A call that is over sooner is not watched: opening a watch would cost more than the call. */
const WATCH_AFTER_MS = 100
/** A watch whose last call ended is kept for the next one. */
const LINGER_MS = 5_000
/** Sessions watched at once; the calls of further ones are checked before they begin, and not stopped in flight. */
const SESSIONS_MAX = 256
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000

interface Watched {
  readonly calls: Set<AbortController>
  readonly end: AbortController
  idle: NodeJS.Timeout | undefined
}

export function createWatches(client: CheckClient, tell: (fault: unknown) => void): Watches {
  const sessions = new Map<string, Watched>()

  function enter(customer: string, session: string, stop: AbortController): (() => void) | null {
    const name = JSON.stringify([customer, session])
    let watched = sessions.get(name)
    if (watched === undefined) {
      if (sessions.size >= SESSIONS_MAX) return null
      watched = { calls: new Set(), end: new AbortController(), idle: undefined }
      sessions.set(name, watched)
      void follow(watched, customer, session)
    }
    const { calls, end } = watched
    const kept = watched
    clearTimeout(watched.idle)
    calls.add(stop)
    return () => {
      calls.delete(stop)
      if (calls.size > 0) return
      kept.idle = setTimeout(() => {
        sessions.delete(name)
        end.abort()
      }, LINGER_MS).unref()
    }
  }

  async function follow({ calls, end }: Watched, customer: string, session: string): Promise<void> {
    for (let pauseMs = RETRY_MS_MIN; !end.signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        for await (const decision of client.watch({ customer, session }, end.signal)) {
          pauseMs = RETRY_MS_MIN
          if (decision.decision !== 'deny') continue
          for (const call of calls) call.abort(new DeniedError(decision))
        }
      } catch (fault) {
        if (!end.signal.aborted) tell(fault)
      }
      if (!end.signal.aborted) await pause(pauseMs, end.signal)
    }
  }

  return {
    add(of, stop) {
      if (of?.session === undefined) return () => {}
      const { customer, session } = of
      let leave: (() => void) | null = null
      const timer = setTimeout(() => {
        leave = enter(customer, session, stop)
      }, WATCH_AFTER_MS).unref()
      return () => {
        clearTimeout(timer)
        leave?.()
      }
    },
    close() {
      for (const { end, idle } of sessions.values()) {
        clearTimeout(idle)
        end.abort()
      }
      sessions.clear()
    },
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref()
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
