import { copyFileSync, statSync, truncateSync } from 'node:fs'

const BYTES_MAX = 16 * 1024 * 1024
const CHECK_MS = 30_000

/**
 * Keeps the server's log from growing without end: when it is over the bound it becomes `.1`, whose predecessor is
 * forgotten. The server holds the file open for appending, so it is emptied rather than renamed.
 * @returns stops looking after it
 */
export function boundLog(file: string, bytesMax = BYTES_MAX): () => void {
  trimLog(file, bytesMax)
  const timer = setInterval(() => trimLog(file, bytesMax), CHECK_MS).unref()
  return () => clearInterval(timer)
}

/** Begins a log anew that is larger than `bytesMax`; what it said stays beside it as `.1`, until the next time. */
export function trimLog(file: string, bytesMax: number): void {
  try {
    if (statSync(file).size <= bytesMax) return
    copyFileSync(file, `${file}.1`)
    truncateSync(file, 0)
  } catch {
    // A log that cannot be trimmed (a full disk) must not end the server it is of.
  }
}
