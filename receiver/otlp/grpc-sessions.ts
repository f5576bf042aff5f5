import { constants, type Http2Server, type ServerHttp2Session } from 'node:http2'

/** A sender's connection is renewed now and then, so that its load moves when receivers come and go. */
const AGE_MS_MAX = 600_000
/** Connections made together shall not end together. */
const AGE_SPREAD = 0.1
const AGE_GRACE_MS = 30_000

/** Room for what a sender may send before it hears of us, per connection: some large exports. */
const WINDOW_BYTES = 8_388_608

/** As the last stream taken: those that are under way to us are taken too. */
const ANY_STREAM = 2 ** 31 - 1

/** The connections of a server: each ends after its time, and all of them when the server stops. */
export class GrpcSessions {
  readonly #open = new Set<ServerHttp2Session>()
  readonly #ageMsMax: number

  constructor(server: Http2Server, ageMsMax = AGE_MS_MAX) {
    this.#ageMsMax = ageMsMax
    server.on('session', (session) => this.#add(session))
    // The session has closed itself by then; its streams tell whoever waits for them.
    server.on('sessionError', () => {})
  }

  /** Lets what is under way end and takes nothing new. */
  close(): void {
    for (const session of this.#open) session.close()
  }

  /** Cuts everything off. */
  destroy(): void {
    for (const session of this.#open) session.destroy()
  }

  #add(session: ServerHttp2Session): void {
    this.#open.add(session)
    session.setLocalWindowSize(WINDOW_BYTES)
    const age = this.#ageMsMax * (1 + AGE_SPREAD * (2 * Math.random() - 1))
    let timer = setTimeout(() => {
      session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM, Buffer.from('max_age'))
      session.close()
      timer = setTimeout(() => session.destroy(), AGE_GRACE_MS).unref()
    }, age).unref()
    session.on('close', () => {
      clearTimeout(timer)
      this.#open.delete(session)
    })
  }
}
