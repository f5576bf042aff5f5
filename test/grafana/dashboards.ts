import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '../../grafana/dashboards')

interface Source {
  readonly type: string
  readonly uid: string
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly datasource: Source
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig: {
    readonly defaults: { readonly unit?: string }
    readonly overrides: readonly { readonly matcher: { readonly id: string; readonly options: string } }[]
  }
  readonly targets: readonly {
    readonly refId: string
    readonly format: 'table' | 'time_series'
    readonly rawSql: string
    readonly datasource: Source
  }[]
}

export interface Variable {
  readonly name: string
  readonly query: string
  readonly allValue: string
  readonly datasource: Source
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly editable: boolean
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
}

/** Every dashboard of the repository, by file name. */
export const DASHBOARDS: readonly (readonly [string, Dashboard])[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => [file, JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Dashboard] as const)
