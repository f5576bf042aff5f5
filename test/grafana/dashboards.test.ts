import { describe, expect, test } from 'vitest'
import { type Compose, yaml } from '../deploy/files.ts'
import { DASHBOARDS, type Panel } from './dashboards.ts'

interface Sources {
  readonly datasources: readonly {
    readonly uid: string
    readonly type: string
    readonly user: string
    readonly url: string
    readonly jsonData: { readonly timescaledb: boolean; readonly database: string }
    readonly secureJsonData: { readonly password: string }
  }[]
}

interface Providers {
  readonly providers: readonly { readonly options: { readonly path: string } }[]
}

const [source] = yaml<Sources>('grafana/provisioning/datasources/aforo.yaml').datasources
const { grafana } = yaml<Compose>('docker-compose.yml').services

test('the data source logs in as the role that reads views only, with a password from the environment', () => {
  expect(source).toMatchObject({ user: 'aforo_grafana', url: 'timescaledb:5432' })
  expect(source!.jsonData).toMatchObject({ timescaledb: true, database: 'aforo' })
  const [, variable] = /^\$__env\{(\w+)\}$/.exec(source!.secureJsonData.password)!
  expect(grafana!.environment).toHaveProperty(variable!)
})

test('the folders provisioned are those mounted', () => {
  const [provider] = yaml<Providers>('grafana/provisioning/dashboards/aforo.yaml').providers
  expect(grafana!.volumes).toContain(`./grafana/dashboards:${provider!.options.path}:ro`)
  expect(grafana!.volumes).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro')
})

test('dashboards have ids of their own', () => {
  expect(DASHBOARDS.length).toBeGreaterThan(0)
  expect(new Set(DASHBOARDS.map(([, { uid }]) => uid)).size).toBe(DASHBOARDS.length)
})

describe.each(DASHBOARDS)('%s', (_file, dashboard) => {
  const { panels, templating } = dashboard

  test('is a classic dashboard that nobody edits in place', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39)
    expect(dashboard.editable).toBe(false)
    expect(dashboard).not.toHaveProperty('id')
  })

  test('panels have ids of their own, a title, a description, a unit and the provisioned data source', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const panel of panels) {
      expect(panel.title, String(panel.id)).not.toBe('')
      expect(panel.description, panel.title).not.toBe('')
      expect(panel.fieldConfig.defaults.unit, panel.title).toBeTruthy()
      expect(panel.targets.length, panel.title).toBeGreaterThan(0)
      const used = [panel.datasource, ...panel.targets.map(({ datasource }) => datasource)]
      for (const { uid, type } of used)
        expect({ uid, type }).toEqual({ uid: source!.uid, type: source!.type })
    }
    for (const { datasource } of templating.list) expect(datasource.uid).toBe(source!.uid)
  })

  test('panels fit the grid and lie beside each other', () => {
    for (const { title, gridPos } of panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
    const overlaps = panels.flatMap((a, i) =>
      panels.slice(i + 1).flatMap((b) => (overlap(a, b) ? `${a.title} and ${b.title}` : [])),
    )
    expect(overlaps).toEqual([])
  })

  test('every variable used is defined and every one defined is used', () => {
    const queries = panels.flatMap(({ targets }) => targets.map(({ rawSql }) => rawSql)).join('\n')
    const used = new Set([...queries.matchAll(/\$\{(\w+)/g)].map(([, name]) => name))
    expect(used).toEqual(new Set(templating.list.map(({ name }) => name)))
    // Unquoted, a value with a quote in it would be SQL.
    for (const [whole] of queries.matchAll(/\$\{\w+[^}]*\}/g)) expect(whole).toMatch(/:sqlstring\}$/)
    expect(queries).not.toMatch(/\$(?!__|\{)\w/)
  })

  test('queries read views only', () => {
    const queries = [...panels.flatMap(({ targets }) => targets.map(({ rawSql }) => rawSql))]
    queries.push(...templating.list.map(({ query }) => query))
    for (const query of queries) {
      const read = [...query.matchAll(/\b(?:from|join)\s+([\w.]+)/g)].map(([, name]) => name!)
      expect(read.length).toBeGreaterThan(0)
      const named = new Set([...query.matchAll(/\b(\w+) as \(\n/g)].map(([, name]) => name!))
      for (const name of read) if (!named.has(name)) expect(name).toMatch(/^aforo\.\w+$/)
    }
  })
})

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}
