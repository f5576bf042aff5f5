import pino from 'pino'
import type { Log } from '../core/log.ts'

/** JSON lines on stderr: stdout belongs to what a command answers. */
export function logger(level: string): Log {
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  )
}
