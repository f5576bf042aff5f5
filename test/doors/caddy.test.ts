import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recipe } from '../support/recipes.ts'
import {
  type Application,
  findProgram,
  freePort,
  type GuardedWorld,
  type Program,
  startApplication,
  startGuardedWorld,
  startProgram,
} from './proxied.ts'

const CADDY = findProgram('AFORO_CADDY', 'caddy')
if (CADDY === null) {
  process.stderr.write(
    'no Caddy: set AFORO_CADDY to run its recipe; `go install github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9` makes one\n',
  )
}

const ACME = { authorization: 'Bearer key-of-acme' }

describe.skipIf(CADDY === null)('Caddy as docs/RECIPES.md has it', () => {
  let world: GuardedWorld
  let application: Application
  let caddy: Program
  let url: string

  beforeAll(async () => {
    world = await startGuardedWorld()
    application = await startApplication()
    const proxy = await freePort()
    url = `http://127.0.0.1:${proxy}`
    const places = { check: world.running.port, proxy, application: application.port, key: world.key }
    caddy = await startProgram(
      CADDY!,
      (folder) => {
        writeFileSync(
          join(folder, 'Caddyfile'),
          `{\n\tadmin off\n\tpersist_config off\n}\n${recipe('Caddyfile', places)}`,
        )
        const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
        return { args: ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], env }
      },
      async () => (await fetch(url)).status === 403,
    )
  })
  afterAll(async () => {
    await caddy?.stop()
    application?.stop()
    await world?.stop()
  })

  test('lets a customer with room through, and nobody speaks for Aforo', async () => {
    application.seen.length = 0
    const spoofed = { 'x-aforo-customer': 'rich', 'x-aforo-hold-id': 'mine', 'x-aforo-tenant': 'other' }
    const response = await fetch(`${url}/open/chat`, { headers: { ...ACME, ...spoofed } })
    expect([response.status, await response.json()]).toEqual([200, { ran: true }])
    expect(application.seen[0]).toMatchObject({ 'x-aforo-customer': 'acme', 'x-aforo-remaining': '7' })
    expect(application.seen[0]).not.toHaveProperty('x-aforo-hold-id')
    expect(application.seen[0]).not.toHaveProperty('x-aforo-key')
  })

  test('passes the denial on, with its reason', async () => {
    application.seen.length = 0
    const response = await fetch(`${url}/spent/chat`, { method: 'POST', body: 'a prompt', headers: ACME })
    expect(response.status).toBe(429)
    expect(response.headers.get('x-aforo-reason')).toBe('budget_exhausted')
    expect(response.headers.get('ratelimit')).toBe('"spent";r=0')
    expect(application.seen).toEqual([])
    expect((await fetch(`${url}/open/chat`)).status).toBe(403)
  })
})
