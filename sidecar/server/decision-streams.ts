import type { ServerResponse } from 'node:http'
import type { Spender } from '../../core/budget.ts'
import type { Decision } from '../../core/decision.ts'
import { AforoError } from '../../core/errors.ts'
import type { Checker } from '../checker.ts'
import type { DecisionListener } from '../decision-listeners.ts'
import type { CheckMetrics } from '../metrics.ts'
import { spenderName } from '../view/memory.ts'

/** DecisionStreams open at once. */
export const DECISION_STREAMS_MAX = 10_000
/** A listener that leaves so many bytes unread is dropped. */
export const UNREAD_BYTES_MAX = 65_536
/** A comment so often keeps the connection, and shows that it is one. */
const HEARTBEAT_MS = 10_000

/** The streams of a check server: each is a response that stays open, and gets a line for every decision that differs. */
export class DecisionStreams {
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
  open(response: ServerResponse, checker: Checker, spender: Spender): void {
    if (this.#open.size >= DECISION_STREAMS_MAX)
      throw new AforoError('unavailable', 'too many watches are open')
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    // Who left while it was looked up whose watch it is has closed already, and will not tell.
    if (response.destroyed) return
    this.#open.add(response)
    const listener: DecisionListener = {
      name: spenderName(spender),
      spender,
      known: null,
      last: '',
      tell: (decision: Decision) =>
        this.#write(response, `event: decision\ndata: ${JSON.stringify(decision)}\n\n`),
    }
    const unlisten = checker.listen(listener)
    response.on('close', () => {
      unlisten()
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
