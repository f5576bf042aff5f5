import type { Socket } from 'node:net'
import { asAforoError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Checkers } from '../checkers.ts'
import type { CheckMetrics } from '../metrics.ts'
import type { Admission } from './admission.ts'
import type { BusyPoll } from './busy-poll.ts'
import { answerPlain, type KnownHead } from './plain-answer.ts'
import { isPlainLength, type PlainLine, plainHead, plainLine } from './plain-head.ts'
import { problemHead, problemText } from './problem.ts'
import { credentialsOf } from './request-head.ts'
import { endRead } from './stop-connections.ts'

/** Requests of one connection that wait for their answers; further ones are not read until some are answered. */
export const PLAIN_UNDER_WAY_MAX = 256
/** A request that comes in more pieces is not plain. */
export const PLAIN_PIECES_MAX = 8
/** What is no whole request after so long is not plain. */
export const PLAIN_MS_MAX = 1_000

export interface PlainParts {
  readonly admission: Admission
  readonly checkers: Checkers
  readonly metrics: CheckMetrics
  readonly log: Log
  /** A connection that asks nothing for so long is closed. */
  readonly idleMs: number
  /** What ends the head of an answer, and says so. */
  readonly keptHead: () => string
  /** Default: `PLAIN_MS_MAX`. */
  readonly plainMs?: number
  /** Absent: the loop sleeps as soon as it has answered. */
  readonly busyPoll?: BusyPoll | null
}

/** An answer at its place among the others; null until it is known. */
interface Place {
  answer: string | null
}

const ANSWERED = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: '
/** What node:http answers where a request ends before its length. */
const BROKEN_OFF = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'
/** A connection that is told to be kept is kept a little longer, as what is on its way would find it closed. */
const KEEP_MORE_MS = 1_000

/**
 * One connection over which plain requests come. They are answered in their order, with one write for all that came
 * together. At the first request that is not plain the connection is given away, and never comes back.
 */
export class PlainConnection {
  readonly #socket: Socket
  readonly #parts: PlainParts
  readonly #give: (rest: Buffer) => void
  /** What came and is not answered. */
  #rest: Buffer | null = null
  #pieces = 0
  /** The last headers of a check, and of an end: whoever sends both alternates between two forms. */
  #ofChecks: KnownHead | null = null
  #ofEnds: KnownHead | null = null
  #places: Place[] = []
  #answers = ''
  #isAscii = true
  #isFlushing = false
  /** What was written is not read: nothing is answered until it is. */
  #isUnread = false
  /** Nothing more comes. */
  #hasEnded = false
  /** Nothing more is taken; what is under way is answered first. */
  #isLeaving: 'no' | 'giving' | 'ending' = 'no'
  #late: NodeJS.Timeout | null = null
  readonly #closed: Promise<void>

  /** @param give takes the socket, without a listener of ours, and the bytes that come first */
  constructor(socket: Socket, parts: PlainParts, give: (rest: Buffer) => void) {
    this.#socket = socket
    this.#parts = parts
    this.#give = give
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.on('timeout', this.#onTimeout)
    socket.setTimeout(parts.idleMs + KEEP_MORE_MS)
    this.#waitForMore()
  }

  /** Takes nothing more; resolves when what was asked is answered and the connection is closed. */
  stop(): Promise<void> {
    if (this.#places.length === 0 && this.#rest === null) this.#socket.destroySoon()
    this.#isLeaving = 'ending'
    this.#flush()
    return this.#closed
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isLeaving === 'ending') return
    // A part of a request and a read of the socket, as nothing is read while requests wait.
    this.#rest = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    this.#pieces += 1
    this.#goOn()
    this.#parts.busyPoll?.answered()
  }

  readonly #onDrain = (): void => {
    this.#isUnread = false
    this.#goOn()
  }

  readonly #onError = (): void => {
    this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#isLeaving = 'ending'
    this.#stopWaiting()
  }

  readonly #onTimeout = (): void => {
    if (this.#places.length === 0) this.#socket.destroy()
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true
    // A stream that has ended cannot be given away; node:http drops then, too, what it has not answered.
    if (this.#isLeaving === 'giving') this.#isLeaving = 'ending'
    this.#goOn()
  }

  /** Takes requests as far as their answers may wait. */
  #goOn(): void {
    this.#gather()
    if (this.#rest !== null && this.#isLeaving === 'no') this.#takeFrom(this.#rest)
    if (this.#hasEnded && this.#isLeaving !== 'ending' && !this.#isHalted) {
      if (this.#rest !== null) this.#places.push({ answer: BROKEN_OFF })
      this.#isLeaving = 'ending'
    }
    this.#flush()
  }

  #takeFrom(bytes: Buffer): void {
    const text = bytes.toString('latin1')
    let at = 0
    while (at < text.length && !this.#isHalted) {
      const line = plainLine(text, at)
      if (line === 'more') break
      const head = line === 'other' ? line : this.#headAt(text, at, line)
      if (line === 'other' || head === 'other') {
        this.#isLeaving = 'giving'
        break
      }
      if (head === 'more') break
      const bodyAt = at + line.chars + head.text.length
      const end = bodyAt + head.bodyBytes
      if (end > text.length) break
      this.#take(line, head, bytes.toString('utf8', bodyAt, end))
      at = end
      this.#pieces = 1
    }
    this.#rest = at === bytes.length ? null : bytes.subarray(at)
    if (this.#rest === null) this.#pieces = 0
    if (this.#rest === null || this.#isHalted || this.#isLeaving !== 'no') this.#stopWaiting()
    else if (this.#pieces > PLAIN_PIECES_MAX) this.#isLeaving = 'giving'
    else this.#waitForMore()
  }

  get #isHalted(): boolean {
    return this.#isUnread || this.#places.length >= PLAIN_UNDER_WAY_MAX
  }

  #headAt(text: string, at: number, line: PlainLine): KnownHead | 'more' | 'other' {
    const isCheck = line.verb === 'check'
    const known = isCheck ? this.#ofChecks : this.#ofEnds
    if (
      known !== null &&
      text.startsWith(known.text, at + line.chars) &&
      isPlainLength(line.chars, known.text.length)
    ) {
      return known
    }
    const found = plainHead(text, at, line)
    if (typeof found === 'string') return found
    const head = { ...found, admit: this.#parts.admission.as(credentialsOf(found), 'check') }
    if (isCheck) this.#ofChecks = head
    else this.#ofEnds = head
    return head
  }

  #take(line: PlainLine, head: KnownHead, json: string): void {
    try {
      const answer = answerPlain(this.#parts.checkers, line, head, json)
      if (typeof answer !== 'string') this.#tellLater(line, answer)
      else this.#tell(this.#answered(answer))
    } catch (error) {
      this.#tell(this.#refused(line, error))
    }
  }

  #tell(answer: string): void {
    if (this.#places.length === 0) this.#answers += answer
    else this.#places.push({ answer })
  }

  #tellLater(line: PlainLine, answer: Promise<string>): void {
    const place: Place = { answer: null }
    this.#places.push(place)
    const told = (text: string) => {
      place.answer = text
      if (this.#isFlushing) return
      this.#isFlushing = true
      // Answers of one message to the centre leave together.
      process.nextTick(() => {
        this.#isFlushing = false
        this.#goOn()
      })
    }
    answer.then(
      (text) => told(this.#answered(text)),
      (error: unknown) => told(this.#refused(line, error)),
    )
  }

  #answered(text: string): string {
    return `${ANSWERED}${this.#bytesOf(text)}\r\n${this.#parts.keptHead()}${text}`
  }

  #refused(line: PlainLine, thrown: unknown): string {
    const error = asAforoError(thrown)
    if (error.code === 'internal') this.#parts.log.error({ err: thrown, path: pathOf(line) }, 'check failed')
    this.#parts.metrics.refused.inc({ code: error.code })
    const text = problemText(error)
    this.#bytesOf(text)
    return `${problemHead(error, text)}${this.#parts.keptHead()}${text}`
  }

  #bytesOf(text: string): number {
    const bytes = Buffer.byteLength(text)
    if (bytes !== text.length) this.#isAscii = false
    return bytes
  }

  /** Takes the answers that are next. */
  #gather(): void {
    while (this.#places.length > 0 && this.#places[0]!.answer !== null) {
      this.#answers += this.#places.shift()!.answer
    }
  }

  #flush(): void {
    this.#gather()
    const answers = this.#answers
    this.#answers = ''
    const socket = this.#socket
    if (answers !== '' && !socket.destroyed && !socket.write(answers, this.#isAscii ? 'latin1' : 'utf8')) {
      this.#isUnread = true
    }
    if (this.#places.length === 0) {
      this.#isAscii = true
      if (this.#isLeaving !== 'no') {
        if (this.#isLeaving === 'giving') this.#giveAway()
        else this.#close()
        return
      }
    }
    if (this.#isHalted || this.#isLeaving === 'giving') socket.pause()
    else if (socket.isPaused()) socket.resume()
  }

  /** What is no whole request by then is not plain: those who wait for the rest of it have limits of their own. */
  #waitForMore(): void {
    this.#late ??= setTimeout(() => {
      this.#late = null
      if (this.#isLeaving !== 'no') return
      this.#isLeaving = 'giving'
      this.#flush()
    }, this.#parts.plainMs ?? PLAIN_MS_MAX)
  }

  #stopWaiting(): void {
    if (this.#late !== null) clearTimeout(this.#late)
    this.#late = null
  }

  #giveAway(): void {
    const socket = this.#socket
    this.#stopWaiting()
    if (socket.destroyed) return
    socket.off('data', this.#onData)
    socket.off('drain', this.#onDrain)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    socket.off('timeout', this.#onTimeout)
    socket.setTimeout(0)
    this.#give(this.#rest ?? Buffer.alloc(0))
    this.#rest = null
  }

  #close(): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return
    this.#stopWaiting()
    if (this.#hasEnded) this.#socket.end()
    else endRead(this.#socket, this.#closed)
  }
}

function pathOf(line: PlainLine): string {
  return line.verb === 'check' ? '/v1/check' : `/v1/holds/${line.holdId}/${line.verb}`
}
