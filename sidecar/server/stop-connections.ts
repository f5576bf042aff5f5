import type { Duplex } from 'node:stream'

/** After our end whoever asks has so long to end too. */
const CLOSE_MS_MAX = 2_000

interface Stoppable {
  /** Takes nothing more; resolves when what was asked is answered and the connection is closed. */
  stop(): Promise<void>
  destroy(): void
}

/** Has connections read nothing more, and closes each when what it asked is answered, after `graceMs` at the latest. */
export async function stopConnections(connections: Iterable<Stoppable>, graceMs: number): Promise<void> {
  const open = [...connections]
  const late = setTimeout(() => {
    for (const connection of open) connection.destroy()
  }, graceMs)
  await Promise.all(open.map((connection) => connection.stop()))
  clearTimeout(late)
}

/**
 * Ends a connection. What still comes is read to its end and dropped: a socket that is closed over it would take our
 * answers along.
 */
export function endRead(socket: Duplex, closed: Promise<void>): void {
  socket.end()
  socket.resume()
  const late = setTimeout(() => socket.destroy(), CLOSE_MS_MAX)
  void closed.then(() => clearTimeout(late))
}
