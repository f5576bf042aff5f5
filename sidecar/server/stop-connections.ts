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
