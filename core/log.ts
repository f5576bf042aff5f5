/** What a stage needs of a logger (pino's shape). A fault is logged once, at the edge. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Says nothing. For tests and for libraries that were given no logger. */
export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }
