/** The range and interval a dashboard is looked at with. */
export interface Look {
  readonly from: Date
  readonly to: Date
  /** What `$__interval` stands for, such as `5m`. */
  readonly interval: string
  /** The data source's own setting: group by time_bucket, or by arithmetic where there is no TimescaleDB. */
  readonly timescaledb: boolean
  /** The text of each variable, already in the format `sqlstring`. */
  readonly variables: Readonly<Record<string, string>>
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 }

/**
 * Expands a query as Grafana's PostgreSQL data source does: variables and `$__interval` in the browser, then the macros
 * in the backend. A macro ends at the first closing parenthesis and its arguments are split at every comma. A macro
 * that Grafana does not know throws.
 */
export function expand(rawSql: string, look: Look): string {
  return rawSql
    .replace(/\$\{(\w+):sqlstring\}/g, (_, name: string) => {
      const value = look.variables[name]
      if (value === undefined) throw new Error(`no variable ${name}`)
      return value
    })
    .replaceAll(/\$__interval(?!_ms)/g, look.interval)
    .replace(/\$__(\w+)\(([^)]*)\)/g, (_, macro: string, args: string) => {
      return expandMacro(
        macro,
        args.split(',').map((arg) => arg.trim()),
        look,
      )
    })
}

/** A value as `${name:sqlstring}` renders it: quoted, quotes doubled, several parted by commas. */
export function sqlstring(...values: readonly string[]): string {
  return values.map((value) => `'${value.replaceAll("'", "''")}'`).join(',')
}

function expandMacro(macro: string, args: readonly string[], look: Look): string {
  const [column = '', interval = ''] = args
  switch (macro) {
    case 'timeFilter':
      return `${column} BETWEEN '${look.from.toISOString()}' AND '${look.to.toISOString()}'`
    case 'timeFrom':
      return `'${look.from.toISOString()}'`
    case 'timeTo':
      return `'${look.to.toISOString()}'`
    case 'time':
      return `${column} AS "time"`
    case 'timeGroup':
      return bucket(column, interval, look)
    case 'timeGroupAlias':
      return `${bucket(column, interval, look)} AS "time"`
    default:
      throw new Error(`unknown macro $__${macro}`)
  }
}

function bucket(column: string, interval: string, look: Look): string {
  const match = /^'?(\d+)([smhd])'?$/.exec(interval)
  if (!match) throw new Error(`interval ${interval}`)
  const seconds = Number(match[1]) * SECONDS[match[2]!]!
  return look.timescaledb
    ? `time_bucket('${seconds.toFixed(3)}s',${column})`
    : `floor(extract(epoch from ${column})/${seconds})*${seconds}`
}
