import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { PlainConnection, type PlainParts } from './plain-connection.ts'
import { stopConnections } from './stop-connections.ts'

/**
 * The connections of a check address over which nothing but plain requests came so far. node:http makes two streams, two
 * objects and a list of headers of each request, which costs many times what the decision does; a check comes in one form,
 * and has its answer in one. Whatever has another form is read by node:http, with its limits of time and size.
 */
export class PlainRequests {
  readonly #parts: PlainParts
  readonly #open = new Set<PlainConnection>()
  #isStopped = false

  constructor(parts: Omit<PlainParts, 'keptHead'>) {
    this.#parts = { ...parts, keptHead: createKeptHead(parts.idleMs) }
  }

  get size(): number {
    return this.#open.size
  }

  /** Takes the connections of a server from now on, and gives it those that are not plain. */
  takeFrom(server: Server): void {
    const serve = server.listeners('connection') as ((this: Server, socket: Socket) => void)[]
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (this.#isStopped) return void socket.destroy()
      const connection = new PlainConnection(socket, this.#parts, (rest) => {
        this.#open.delete(connection)
        if (this.#isStopped) return void socket.destroy()
        // What comes first must wait until it is listened for, and nothing else may come before it.
        socket.pause()
        if (rest.length > 0) socket.unshift(rest)
        for (const listener of serve) listener.call(server, socket)
        socket.resume()
      })
      this.#open.add(connection)
      socket.once('close', () => this.#open.delete(connection))
    })
  }

  /** Reads nothing more, and closes each connection when what it asked is answered, after `graceMs` at the latest. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true
    await stopConnections(this.#open, graceMs)
  }
}

/** What ends the head of an answer, as node:http writes it; made anew each second. */
function createKeptHead(idleMs: number): () => string {
  const seconds = Math.floor(idleMs / 1_000)
  let madeAt = Number.NaN
  let text = ''
  return () => {
    const now = Math.floor(Date.now() / 1_000)
    if (now !== madeAt) {
      madeAt = now
      const date = new Date(now * 1_000).toUTCString()
      text = `Date: ${date}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`
    }
    return text
  }
}
