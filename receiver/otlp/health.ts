import type { ServerHttp2Stream } from 'node:http2'
import { AforoError } from '../../core/errors.ts'
import { framed } from './grpc-message.ts'
import { openReply, refuse, reply } from './grpc-reply.ts'
import { numberField } from './message.ts'

const SERVING = 1
const NOT_SERVING = 2
const WATCHERS_MAX = 256

/** grpc.health.v1: serving until `stop`, for the server as a whole and for any service asked about. */
export class HealthReports {
  readonly #watchers = new Set<ServerHttp2Stream>()
  #state = SERVING

  /** Answers once. Which service was asked about makes no difference, so the question is not read. */
  check(stream: ServerHttp2Stream): void {
    stream.resume()
    reply(stream, this.#report())
  }

  /** Answers now, and again when the state changes. */
  watch(stream: ServerHttp2Stream): void {
    if (this.#watchers.size >= WATCHERS_MAX) {
      refuse(stream, new AforoError('unavailable', 'too many watchers'))
      return
    }
    stream.resume()
    openReply(stream)
    stream.write(framed(this.#report()))
    this.#watchers.add(stream)
    stream.on('close', () => this.#watchers.delete(stream))
  }

  /** Tells every watcher that there is no more service, and ends its call. */
  stop(): void {
    this.#state = NOT_SERVING
    for (const stream of this.#watchers) stream.end(framed(this.#report()))
  }

  #report(): Buffer {
    return numberField(1, this.#state)
  }
}
