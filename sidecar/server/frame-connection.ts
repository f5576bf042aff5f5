import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { AforoError, asAforoError } from '../../core/errors.ts'
import { FRAME_KINDS, FRAMES_AHEAD, FRAMES_UNDER_WAY_MAX, FrameReader, frameText } from '../../core/frames.ts'
import type { Log } from '../../core/log.ts'
import type { Checker } from '../checker.ts'
import type { CheckMetrics } from '../metrics.ts'
import { parsedJson } from './body.ts'
import type { BusyPoll } from './busy-poll.ts'
import { decisionText } from './decision-text.ts'
import { endHold } from './hold-end.ts'
import { problemText } from './problem.ts'
import { checkRequest } from './request.ts'
import { endRead } from './stop-connections.ts'

/** Whoever leaves answers unread so long is dropped; nothing more is read from him meanwhile. */
export const FRAMES_UNREAD_MS_MAX = 30_000

interface ConnectionParts {
  readonly checkerFor: () => Checker | Promise<Checker>
  readonly metrics: CheckMetrics
  readonly log: Log
  readonly unreadMs: number
  readonly busyPoll: BusyPoll | null
}

/**
 * One connection of frames. What is known is answered in the order of the questions, with a write or two for all that came
 * together; what the centre has to be asked for is answered when it is known.
 */
export class FrameConnection {
  readonly #socket: Duplex
  readonly #parts: ConnectionParts
  readonly #reader = new FrameReader()
  #underWay = 0
  #answers = ''
  #isFlushing = false
  /** What was written is not read: nothing is answered until it is. */
  #isUnread = false
  /** Nothing more is read. */
  #isEnding = false
  readonly #closed: Promise<void>

  constructor(socket: Duplex, parts: ConnectionParts) {
    this.#socket = socket
    this.#parts = parts
    this.#closed = new Promise((resolve) => socket.on('close', () => resolve()))
  }

  /** @param head what came behind the request */
  begin(head: Buffer): void {
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => {
      if (this.#isEnding) return
      this.#reader.push(chunk)
      this.#goOn()
      this.#parts.busyPoll?.answered()
    })
    socket.on('drain', () => {
      this.#isUnread = false
      unreadTimeout(socket, 0)
      this.#goOn()
    })
    socket.on('timeout', () => {
      this.#parts.metrics.framesDropped.inc({ reason: 'unread' })
      socket.destroy()
    })
    socket.on('end', () => this.#end())
    if (head.length === 0) return
    this.#reader.push(head)
    this.#goOn()
  }

  /** Reads nothing more; resolves when all that was read is answered and the connection is closed. */
  stop(): Promise<void> {
    this.#end()
    return this.#closed
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #end(): void {
    this.#isEnding = true
    this.#endIfAnswered()
  }

  #endIfAnswered(): void {
    if (!this.#isEnding || this.#underWay > 0 || this.#answers !== '' || this.#socket.writableEnded) return
    endRead(this.#socket, this.#closed)
  }

  /** Takes questions as far as their answers may wait. */
  #goOn(): void {
    try {
      for (let taken = 1; !this.#isHalted && !this.#isEnding && this.#reader.next(); taken++) {
        this.#take(this.#reader.id, this.#reader.kind)
        if (taken === FRAMES_AHEAD) this.#flush()
      }
    } catch (error) {
      this.#tellFault(0, new AforoError('invalid_argument', (error as Error).message))
      this.#isEnding = true
    }
    this.#flush()
    if (this.#isHalted) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  get #isHalted(): boolean {
    return this.#isUnread || this.#underWay >= FRAMES_UNDER_WAY_MAX
  }

  #take(id: number, kind: number): void {
    const text = this.#reader.body()
    try {
      const checker = this.#parts.checkerFor()
      const answer =
        checker instanceof Promise
          ? checker.then((found) => answerOf(found, kind, text))
          : answerOf(checker, kind, text)
      if (answer instanceof Promise) this.#tellLater(id, kind, answer)
      else this.#answers += frameText(id, kind, answer)
    } catch (error) {
      this.#tellFault(id, error)
    }
  }

  #tellLater(id: number, kind: number, answer: Promise<string>): void {
    this.#underWay += 1
    const told = () => {
      this.#underWay -= 1
      if (this.#isFlushing) return
      this.#isFlushing = true
      // Answers of one message to the centre leave together.
      process.nextTick(() => {
        this.#isFlushing = false
        this.#goOn()
      })
    }
    answer.then(
      (text) => {
        this.#answers += frameText(id, kind, text)
        told()
      },
      (error: unknown) => {
        this.#tellFault(id, error)
        told()
      },
    )
  }

  #tellFault(id: number, thrown: unknown): void {
    const error = asAforoError(thrown)
    if (error.code === 'internal') this.#parts.log.error({ err: thrown }, 'check failed')
    this.#parts.metrics.refused.inc({ code: error.code })
    this.#answers += frameText(id, FRAME_KINDS.problem, problemText(error))
  }

  #flush(): void {
    const answers = this.#answers
    this.#answers = ''
    if (answers !== '' && !this.#socket.destroyed && !this.#socket.write(answers, 'latin1')) {
      this.#isUnread = true
      unreadTimeout(this.#socket, this.#parts.unreadMs)
    }
    this.#endIfAnswered()
  }
}

/** As the same question is answered over HTTP. */
function answerOf(checker: Checker, kind: number, text: string): string | Promise<string> {
  switch (kind) {
    case FRAME_KINDS.check: {
      const decision = checker.check(checkRequest(parsedJson(text), Date.now()))
      return decision instanceof Promise ? decision.then(decisionText) : decisionText(decision)
    }
    case FRAME_KINDS.settle:
    case FRAME_KINDS.release: {
      const verb = kind === FRAME_KINDS.settle ? 'settle' : 'release'
      const { hold_id: id, ...body } = (parsedJson(text) ?? {}) as { hold_id?: unknown }
      return endHold(checker, id, verb, body).then((ended) => JSON.stringify(ended))
    }
    default:
      throw new AforoError('not_found', `there is no frame of kind ${kind}`)
  }
}

/** Every duplex that HTTP is spoken over here is a socket. */
function unreadTimeout(socket: Duplex, ms: number): void {
  ;(socket as Socket).setTimeout(ms)
}
