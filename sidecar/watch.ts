import type { ServerResponse } from 'node:http'
import type { Spender } from '../core/budget.ts'
import type { Decision } from '../core/decision.ts'
import { AforoError } from '../core/errors.ts'
import type { Desk, Watcher } from './desk.ts'
import { spenderName } from './memory.ts'
import type { CheckMetrics } from './metrics.ts'

/** Watches open at once. */
export const WATCHERS_MAX = 10_000
/** A watcher that leaves so many bytes unread is dropped. */
export const UNREAD_BYTES_MAX = 65_536
/** A comment so often keeps the connection, and shows that it is one. */
export const HEARTBEAT_MS = 10_000

/** The watches of a check server: each is a response that stays open, and gets a line for every decision that differs. */
export class Watches {
  readonly #metrics: CheckMetrics
  readonly #open = new Set<ServerResponse>()
  readonly #heartbeat: NodeJS.Timeout

  constructor(metrics: CheckMetrics) {
    this.#metrics = metrics
    this.#heartbeat = setInterval(() => {
      for (const response of this.#open) this.#write(response, ': still here\n\n')
    }, HEARTBEAT_MS)
  }

  /** Opens a watch. Throws `unavailable` where there are too many. */
  open(response: ServerResponse, desk: Desk, spender: Spender): void {
    if (this.#open.size >= WATCHERS_MAX) throw new AforoError('unavailable', 'too many watches are open')
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    // Who left while it was looked up whose watch it is has closed already, and will not tell.
    if (response.destroyed) return
    this.#open.add(response)
    const watcher: Watcher = {
      name: spenderName(spender),
      spender,
      known: null,
      last: '',
      tell: (decision: Decision) =>
        this.#write(response, `event: decision\ndata: ${JSON.stringify(decision)}\n\n`),
    }
    const unwatch = desk.watch(watcher)
    response.on('close', () => {
      unwatch()
      this.#open.delete(response)
    })
    response.on('error', () => {})
  }

  stop(): void {
    clearInterval(this.#heartbeat)
    for (const response of this.#open) response.end()
  }

  /** Who does not read is dropped: it would be held in memory for him. */
  #write(response: ServerResponse, text: string): void {
    if (response.writableLength > UNREAD_BYTES_MAX) {
      this.#metrics.watchDropped.inc({ reason: 'unread' })
      response.destroy()
      return
    }
    response.write(text)
  }
}
