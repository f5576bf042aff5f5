import { PATTERNS } from './case.ts'

/** How one case came out. */
export interface Result {
  readonly name: string
  readonly dialect: string
  readonly pattern: string
  readonly passed: boolean
}

/** Dialect by pattern: the number of cases that passed, then a cross with the number of those that failed. */
export function tableOf(results: readonly Result[]): string {
  const patterns = Object.keys(PATTERNS).filter((pattern) => results.some((r) => r.pattern === pattern))
  const dialects = [...new Set(results.map((result) => result.dialect))].sort()
  const width = Math.max(...dialects.map((dialect) => dialect.length), 'dialect'.length)
  const line = (first: string, cells: readonly string[]): string =>
    [first.padEnd(width), ...cells.map((cell) => cell.padStart(5))].join(' ').trimEnd()
  const rows = dialects.map((dialect) =>
    line(
      dialect,
      patterns.map((pattern) =>
        cellOf(results.filter((r) => r.dialect === dialect && r.pattern === pattern)),
      ),
    ),
  )
  const legend = patterns.map((pattern) => `${pattern.padEnd(4)} ${PATTERNS[pattern]}`)
  return [line('dialect', patterns), ...rows, '', ...legend].join('\n')
}

function cellOf(results: readonly Result[]): string {
  const failed = results.filter((result) => !result.passed).length
  const passed = results.length - failed
  return [passed > 0 ? passed : '', failed > 0 ? `✗${failed}` : ''].join('') || '·'
}
