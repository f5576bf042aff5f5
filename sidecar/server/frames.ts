import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { asAforoError } from '../../core/errors.ts'
import { FRAMES_PATH, FRAMES_PROTOCOL } from '../../core/frames.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'
import type { Checker } from '../checker.ts'
import type { Checkers } from '../checkers.ts'
import type { CheckMetrics } from '../metrics.ts'
import type { Admission } from './admission.ts'
import type { BusyPoll } from './busy-poll.ts'
import { FRAMES_UNREAD_MS_MAX, FrameConnection } from './frame-connection.ts'
import { problemHead, problemText } from './problem.ts'
import { credentialsOf } from './request-head.ts'
import { stopConnections } from './stop-connections.ts'

interface FramesParts {
  readonly admission: Admission
  readonly checkers: Checkers
  readonly metrics: CheckMetrics
  readonly log: Log
  /** Default: `FRAMES_UNREAD_MS_MAX`. */
  readonly unreadMs?: number
  /** Absent: the loop sleeps as soon as it has answered. */
  readonly busyPoll?: BusyPoll | null
}

/** The connections of a check address that were turned into connections of frames. */
export class Frames {
  readonly #parts: FramesParts
  readonly #open = new Set<FrameConnection>()
  #isStopped = false

  constructor(parts: FramesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#open.size
  }

  /** Whether a request asks for it. Any other upgrade is not taken: such a request is answered as if it had not asked. */
  static isFor({ url, method, headers }: IncomingMessage): boolean {
    return url === FRAMES_PATH && method === 'GET' && headers.upgrade?.toLowerCase() === FRAMES_PROTOCOL
  }

  /** Turns a connection into one of frames, for whoever may check. */
  async open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const {
      admission,
      checkers,
      metrics,
      log,
      unreadMs = FRAMES_UNREAD_MS_MAX,
      busyPoll = null,
    } = this.#parts
    // Until it is somebody's, nobody else would hear of it.
    socket.on('error', () => socket.destroy())
    const admit = admission.as(credentialsOf(request), 'check')
    try {
      await admit()
    } catch (thrown) {
      const error = asAforoError(thrown)
      if (error.code === 'internal') log.error({ err: thrown, path: FRAMES_PATH }, 'check failed')
      metrics.refused.inc({ code: error.code })
      const text = problemText(error)
      socket.end(`${problemHead(error, text)}connection: close\r\n\r\n${text}`)
      return
    }
    if (this.#isStopped) socket.destroy()
    if (socket.destroyed) return
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${FRAMES_PROTOCOL}\r\n\r\n`,
    )
    const checkerFor = (): Checker | Promise<Checker> => {
      const tenantId: TenantId | Promise<TenantId> = admit()
      return typeof tenantId === 'string'
        ? checkers.of(tenantId)
        : tenantId.then((found) => checkers.of(found))
    }
    const connection = new FrameConnection(socket, { checkerFor, metrics, log, unreadMs, busyPoll })
    this.#open.add(connection)
    metrics.frameConnections.inc()
    socket.on('close', () => {
      this.#open.delete(connection)
      metrics.frameConnections.dec()
    })
    connection.begin(head)
  }

  /** Reads nothing more, and closes each connection when what it asked is answered, after `graceMs` at the latest. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true
    await stopConnections(this.#open, graceMs)
  }
}
