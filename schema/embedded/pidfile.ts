import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a postmaster says of itself in the cluster's postmaster.pid. */
export interface PidFile {
  readonly pid: number
  /** 0 while it is not yet written. */
  readonly port: number
  readonly ready: boolean
}

export function pidFilePath(dir: string): string {
  return join(dir, 'postmaster.pid')
}

export function readPidFile(dir: string): PidFile | undefined {
  let text: string
  try {
    text = readFileSync(pidFilePath(dir), 'utf8')
  } catch {
    return undefined
  }
  return parsePidFile(text)
}

/** Lines: pid, folder, start, port, socket folder, address, shared memory, status. Undefined for anything else. */
export function parsePidFile(text: string): PidFile | undefined {
  const lines = text.split('\n')
  const pid = Number(lines[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  const port = Number(lines[3] ?? 0)
  return { pid, port: Number.isSafeInteger(port) ? port : 0, ready: lines[7]?.trim() === 'ready' }
}
