import { type ClientRequest, request } from 'node:http'
import type { Socket } from 'node:net'
import {
  asciiJson,
  FRAME_BODY_BYTES_MAX,
  FRAME_KINDS,
  FRAMES_AHEAD,
  FRAMES_PATH,
  FRAMES_PROTOCOL,
  FrameReader,
  frameText,
} from '../core/frames.ts'
import { CheckRefusedError } from './denied.ts'
import { type Question, Questions } from './questions.ts'
import { type Asked, lateError, problemOf, type Target, type Wire } from './wire.ts'

/** Questions without an answer; one more is refused. */
export const QUESTIONS_MAX = 4_096
/** Nobody waits for the end of a hold, and it should not be lost: it may take longer than a check. */
const END_MS_MAX = 5_000
/** A check endpoint that leaves more than so much unread is left. */
export const UNREAD_BYTES_MAX = 8_388_608
const ID_MAX = 0xffff_ffff

const tooLong = () => new CheckRefusedError('body_too_large', 'it is too long')

/**
 * One connection for all questions, which are under way together and answered as the answers are known; those of one
 * turn of the event loop are a write or two. It opens with the first question, and again after it was lost.
 */
export class FrameWire implements Wire {
  readonly #target: Target
  readonly #headers: Readonly<Record<string, string>>
  readonly #checks: Questions
  /** Told again, once, where the connection is lost over them: an end that is told twice is one end. */
  readonly #ends: Questions
  #socket: Socket | null = null
  #opening: ClientRequest | null = null
  #isClosed = false
  #unsent = ''
  /** Questions of this turn of the event loop. */
  #inTurn = 0
  #lastId = 0

  constructor(target: Target, headers: Readonly<Record<string, string>>, timeoutMs: number) {
    this.#target = target
    this.#headers = headers
    const endMs = Math.max(timeoutMs, END_MS_MAX)
    this.#checks = new Questions(timeoutMs, (question) => this.#late(question, timeoutMs))
    this.#ends = new Questions(endMs, (question) => this.#late(question, endMs))
  }

  ask(what: Asked, body: object, holdId?: string): Promise<string> {
    const json = asciiJson(JSON.stringify(holdId === undefined ? body : { hold_id: holdId, ...body }))
    if (this.#isClosed) return Promise.reject(new Error('the connection was closed'))
    if (this.#size >= QUESTIONS_MAX) return Promise.reject(new Error('too many questions wait for answers'))
    if (json.length > FRAME_BODY_BYTES_MAX) return Promise.reject(tooLong())
    this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1
    const id = this.#lastId
    const frame = frameText(id, FRAME_KINDS[what], json)
    return new Promise((resolve, reject) => {
      const questions = what === 'check' ? this.#checks : this.#ends
      this.#ask(questions, id, { frame, isAgain: false, answer: resolve, fail: reject })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#socket?.end()
    this.#opening?.destroy()
    this.#lost(new Error('the connection was closed'))
  }

  get #size(): number {
    return this.#checks.size + this.#ends.size
  }

  #ask(questions: Questions, id: number, question: Question): void {
    if (this.#size === 0) this.#socket?.ref()
    questions.add(id, question)
    if (this.#socket === null) this.#open()
    else this.#unsent += question.frame
    if (this.#socket === null) return
    this.#inTurn += 1
    // The other end begins with these while the rest is written here.
    if (this.#inTurn === FRAMES_AHEAD) this.#flush()
    if (this.#inTurn > 1) return
    process.nextTick(() => {
      this.#inTurn = 0
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#socket === null || this.#unsent === '') return
    this.#socket.write(this.#unsent, 'latin1')
    this.#unsent = ''
    if (this.#socket.writableLength > UNREAD_BYTES_MAX)
      this.#socket.destroy(new Error('the check endpoint does not read'))
  }

  #open(): void {
    if (this.#opening !== null || this.#isClosed) return
    const headers = { ...this.#headers, connection: 'Upgrade', upgrade: FRAMES_PROTOCOL }
    const asked = request({ ...this.#target, path: FRAMES_PATH, headers, agent: false })
    this.#opening = asked
    const failed = (error: Error) => {
      if (this.#opening !== asked) return
      this.#opening = null
      this.#lost(error)
    }
    asked.once('error', failed)
    asked.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, FRAME_BODY_BYTES_MAX)
      })
      response.once('close', () => failed(problemOf(response.statusCode, text)))
      response.once('error', () => {})
    })
    asked.once('upgrade', (_, socket, head) => {
      this.#opening = null
      // A socket over which HTTP was spoken.
      this.#opened(socket as Socket, head)
    })
    asked.end()
  }

  #opened(socket: Socket, head: Buffer): void {
    if (this.#isClosed) return void socket.destroy()
    this.#socket = socket
    socket.setNoDelay(true)
    const reader = new FrameReader()
    const read = (chunk: Buffer) => {
      reader.push(chunk)
      try {
        while (reader.next()) this.#answered(reader.id, reader.kind, reader.body())
      } catch (error) {
        socket.destroy(error as Error)
      }
    }
    let fault = new Error('the check endpoint closed the connection')
    socket.on('data', read)
    socket.on('error', (error) => {
      fault = error
    })
    const lost = () => {
      if (this.#socket === socket) this.#lost(fault)
    }
    // What is asked from now on would find nobody.
    socket.on('end', () => {
      lost()
      socket.end()
    })
    socket.on('close', lost)
    if (this.#size === 0) socket.unref()
    // What nobody waits for any more is not asked.
    this.#unsent = [...this.#checks, ...this.#ends].join('')
    this.#flush()
    if (head.length > 0) read(head)
  }

  #answered(id: number, kind: number, text: string): void {
    const question = this.#checks.take(id) ?? this.#ends.take(id)
    if (kind !== FRAME_KINDS.problem) question?.answer(text)
    else if (question) question.fail(problemOf('with a problem', text))
    else if (id === 0) throw problemOf('with a problem', text)
    if (this.#size === 0) this.#socket?.unref()
  }

  /** The answer may still come; it finds nobody. A hold that it tells of ends by itself. */
  #late(question: Question, timeoutMs: number): void {
    question.fail(lateError(timeoutMs))
    if (this.#size > 0) return
    this.#socket?.unref()
    // A connection that does not come to be is tried anew with the next question.
    this.#opening?.destroy(lateError(timeoutMs))
  }

  /** Nothing that was asked will be answered over the connection there was. */
  #lost(error: Error): void {
    const wasOpen = this.#socket !== null
    this.#socket = null
    this.#unsent = ''
    const ends = this.#ends.takeAll()
    for (const question of this.#checks.takeAll().values()) question.fail(error)
    for (const [id, question] of ends) {
      if (this.#isClosed || !wasOpen || question.isAgain) question.fail(error)
      else this.#ask(this.#ends, id, { ...question, isAgain: true })
    }
  }
}
