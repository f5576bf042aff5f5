import type { CheckRequest, Decision } from '../core/decision.ts'
import type { CheckClient, Watched } from './check-client.ts'
import { DeniedError } from './denied.ts'

/** Whose calls are in flight: a customer's, of a product, agent and session, each watched for a denial. */
interface Watches {
  /** Aborts `stop` once its work is denied. The function that is returned ends that. */
  add(of: CheckRequest | null, stop: AbortController): () => void
  close(): void
}

/** A call that is over sooner is not watched: opening a watch would cost more than the call. */
const WATCH_AFTER_MS = 100
/** A watch whose last call ended is kept for the next one. */
const LINGER_MS = 5_000
/** Watched at once; the calls of others are checked before they begin, and not stopped in flight. */
const WATCHED_MAX = 256
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000

interface Calls {
  readonly calls: Set<AbortController>
  readonly end: AbortController
  /** The decision by now where it is a denial: who joins a watch that others opened is told of it no more. */
  denied: Decision | null
  idle: NodeJS.Timeout | undefined
}

export function createWatches(client: CheckClient, tell: (fault: unknown) => void): Watches {
  const all = new Map<string, Calls>()

  function enter(of: Watched, stop: AbortController): (() => void) | null {
    const name = JSON.stringify([of.customer, of.product, of.agent, of.session])
    let watched = all.get(name)
    if (watched === undefined) {
      if (all.size >= WATCHED_MAX) return null
      watched = { calls: new Set(), end: new AbortController(), denied: null, idle: undefined }
      all.set(name, watched)
      void follow(watched, of)
    }
    const { calls, end } = watched
    const kept = watched
    clearTimeout(watched.idle)
    calls.add(stop)
    if (watched.denied !== null) stop.abort(new DeniedError(watched.denied))
    return () => {
      calls.delete(stop)
      if (calls.size > 0) return
      kept.idle = setTimeout(() => {
        all.delete(name)
        end.abort()
      }, LINGER_MS).unref()
    }
  }

  async function follow(watched: Calls, of: Watched): Promise<void> {
    const { calls, end } = watched
    for (let pauseMs = RETRY_MS_MIN; !end.signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        for await (const decision of client.watch(of, end.signal)) {
          pauseMs = RETRY_MS_MIN
          watched.denied = decision.decision === 'deny' ? decision : null
          if (watched.denied === null) continue
          for (const call of calls) call.abort(new DeniedError(decision))
        }
      } catch (fault) {
        if (!end.signal.aborted) tell(fault)
      }
      watched.denied = null
      if (!end.signal.aborted) await pause(pauseMs, end.signal)
    }
  }

  return {
    add(of, stop) {
      if (of === null) return () => {}
      let leave: (() => void) | null = null
      const timer = setTimeout(() => {
        leave = enter(of, stop)
      }, WATCH_AFTER_MS).unref()
      return () => {
        clearTimeout(timer)
        leave?.()
      }
    },
    close() {
      for (const { end, idle } of all.values()) {
        clearTimeout(idle)
        end.abort()
      }
      all.clear()
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
