import { mkdirSync, writeFileSync } from 'node:fs'
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

const NGINX = findProgram('AFORO_NGINX', 'nginx', '/usr/sbin/nginx')
if (NGINX === null) process.stderr.write('no nginx: install it, or set AFORO_NGINX, to run its recipe\n')

const ACME = { authorization: 'Bearer key-of-acme' }

describe.skipIf(NGINX === null)('nginx as docs/RECIPES.md has it', () => {
  let world: GuardedWorld
  let application: Application
  const running: Program[] = []

  /** An nginx of the recipe, asking at a port. */
  async function startNginx(check: number, change = (text: string) => text): Promise<string> {
    const proxy = await freePort()
    const places = { check, proxy, application: application.port, key: world.key }
    const server = change(recipe('nginx.conf', places))
    const url = `http://127.0.0.1:${proxy}`
    running.push(
      await startProgram(
        NGINX!,
        (folder) => {
          mkdirSync(join(folder, 'tmp'))
          const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
          writeFileSync(
            join(folder, 'nginx.conf'),
            `daemon off; pid nginx.pid; error_log stderr error; worker_processes 1;
             events { worker_connections 64; }
             http { access_log off;
               ${temporary.map((name) => `${name}_temp_path tmp/${name};`).join(' ')}
               ${server} }`,
          )
          return { args: ['-p', folder, '-c', 'nginx.conf'] }
        },
        async () => (await fetch(url)).status === 401,
      ),
    )
    return url
  }

  beforeAll(async () => {
    world = await startGuardedWorld()
    application = await startApplication()
  })
  afterAll(async () => {
    for (const program of running) await program.stop()
    application?.stop()
    await world?.stop()
  })

  test('lets a customer with room through, and nobody speaks for Aforo', async () => {
    const url = await startNginx(world.running.port)
    application.seen.length = 0
    const spoofed = { 'x-aforo-customer': 'rich', 'x-aforo-hold-id': 'mine', 'x-aforo-tenant': 'other' }
    const response = await fetch(`${url}/open/chat`, { headers: { ...ACME, ...spoofed } })
    expect([response.status, await response.json()]).toEqual([200, { ran: true }])
    expect(application.seen[0]).toMatchObject({ 'x-aforo-customer': 'acme', 'x-aforo-remaining': '7' })
    expect(application.seen[0]).not.toHaveProperty('x-aforo-hold-id')
    expect((await fetch(`${url}/open/chat`)).status).toBe(401)
  })

  test('turns a denial into 429 and says why', async () => {
    const url = await startNginx(world.running.port)
    application.seen.length = 0
    const response = await fetch(`${url}/spent/chat`, { method: 'POST', body: 'a prompt', headers: ACME })
    expect([response.status, await response.json()]).toEqual([429, { error: 'budget_exhausted' }])
    expect(application.seen).toEqual([])
  })

  test('lets through what Aforo cannot be asked about, and without that line refuses it', async () => {
    const nobody = await freePort()
    const open = await startNginx(nobody)
    expect((await fetch(`${open}/spent/chat`, { headers: ACME })).status).toBe(200)
    const closed = await startNginx(nobody, (text) => text.replace('error_page 500 = @open;', ''))
    expect((await fetch(`${closed}/spent/chat`, { headers: ACME })).status).toBe(500)
  })
})
