import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CheckClient, createCheckClient } from '../../instrumentation/check-client.ts'
import { QUESTIONS_MAX, UNREAD_BYTES_MAX } from '../../instrumentation/frame-wire.ts'
import { createGuard } from '../../instrumentation/index.ts'
import { createKey } from '../../schema/keys.ts'
import type { RunningCheck } from '../../sidecar/check.ts'
import { type CheckWorld, startCheckOver, startWorld, until } from '../sidecar/start.ts'

const CALL = {
  customer: 'acme',
  model: 'claude-sonnet-4-6',
  estimate: { input_tokens: '1000', max_output_tokens: '4000' },
}
const folder = mkdtempSync(join(tmpdir(), 'aforo-line-'))
const path = join(folder, 'check.sock')
let world: CheckWorld
let local: RunningCheck

beforeAll(async () => {
  world = await startWorld()
  local = await startCheckOver(world.database.pool, 0, path)
})
afterAll(async () => {
  await local.stop()
  await world.stop()
  rmSync(folder, { recursive: true })
})

async function stateOf(holdId: string): Promise<string | undefined> {
  const { rows } = await world.database.pool.query<{ state: string }>(
    'select state from aforo_store.budget_holds where hold_id = $1',
    [holdId],
  )
  return rows[0]?.state
}

async function newestHold(client: CheckClient): Promise<string> {
  const { hold_id: held } = await client.check({ ...CALL, reserve: true })
  return held!
}

test.each(['unix', 'frames'])('a guard holds and settles over %s:', async (scheme) => {
  const endpoint = scheme === 'unix' ? `unix:${path}` : `frames://127.0.0.1:${local.port}`
  const faults: unknown[] = []
  const guard = createGuard({
    endpoint,
    timeoutMs: 60_000,
    whenAway: 'deny',
    onFault: (fault) => faults.push(fault),
  })
  const before = await settledCount()
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      guard.guard(
        CALL,
        async () => i,
        () => ({ input_tokens: '10', output_tokens: '10' }),
      ),
    ),
  )
  expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => i))
  // Nothing of it is lost by closing.
  await guard.close()
  expect(await settledCount()).toBe(before + 50)
  expect(faults).toEqual([])
})

async function settledCount(): Promise<number> {
  const { rows } = await world.database.pool.query<{ count: string }>(
    `select count(*) from aforo_store.budget_holds where state = 'settled'`,
  )
  return Number(rows[0]!.count)
}

test('an end is told again where the connection is lost over it, and a check is not', async () => {
  const between = await startBetween()
  const client = createCheckClient({ endpoint: `unix:${between.path}`, timeoutMs: 60_000 })
  const held = await newestHold(client)
  between.deafen()
  const settled = client.settle(held)
  const checked = client.check({ customer: 'acme' }).catch((error: unknown) => error)
  await new Promise((resolve) => setTimeout(resolve, 20))
  between.cut()
  expect(await checked).toBeInstanceOf(Error)
  await settled
  expect(await stateOf(held)).toBe('settled')
  // It goes on over the new connection.
  expect((await client.check({ customer: 'acme' })).decision).toBe('allow')
  client.close()
  await between.close()
})

test('what is not answered in time fails alone, and what nobody waits for any more is not asked', async () => {
  const between = await startBetween()
  const client = createCheckClient({ endpoint: `unix:${between.path}`, timeoutMs: 1_000 })
  // On a loaded machine an answer may take longer than that, too.
  const isLetIn = () =>
    client.check({ customer: 'acme' }).then(
      ({ decision }) => decision === 'allow',
      () => false,
    )
  await until(isLetIn)
  between.deafen()
  const late = client.check({ customer: 'acme' }).catch((error: unknown) => error)
  expect(String(await late)).toContain('no answer within 1000 ms')
  between.hear()
  await until(isLetIn)
  client.close()
  await between.close()
})

test('there are so many questions and no more', async () => {
  const between = await startBetween()
  const client = createCheckClient({ endpoint: `unix:${between.path}`, timeoutMs: 60_000 })
  await client.check({ customer: 'acme' })
  between.deafen()
  const asked = Array.from({ length: QUESTIONS_MAX }, () => client.check({ customer: 'acme' }))
  await expect(client.check({ customer: 'acme' })).rejects.toThrow('too many questions')
  between.hear()
  await Promise.all(asked)
  await expect(client.check({ customer: 'acme', session: 'x'.repeat(70_000) })).rejects.toThrow('too long')
  client.close()
  await expect(client.check({ customer: 'acme' })).rejects.toThrow('closed')
  await between.close()
})

test('a check endpoint that does not read is left, and one that does not open is tried anew', async () => {
  const to = join(folder, 'deaf.sock')
  const kept: Duplex[] = []
  let opens = false
  let tries = 0
  const deaf = createHttpServer({ shouldUpgradeCallback: () => true }).listen(to)
  deaf.on('upgrade', (_, socket) => {
    tries += 1
    kept.push(socket)
    socket.on('error', () => {})
    if (!opens) return
    socket.pause()
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: aforo-frames\r\n\r\n')
  })
  await once(deaf, 'listening')
  const client = createCheckClient({ endpoint: `unix:${to}`, timeoutMs: 500 })
  const ask = (session: string) =>
    client.check({ customer: 'acme', session }).catch((error: unknown) => String(error))
  expect(await ask('s')).toContain('no answer within 500 ms')
  expect(await ask('s')).toContain('no answer within 500 ms')
  expect(tries).toBe(2)
  opens = true
  expect(await ask('s')).toContain('no answer within 500 ms')
  expect(tries).toBe(3)
  const long = 'x'.repeat(60_000)
  const few = Math.floor(UNREAD_BYTES_MAX / 60_100)
  const patient = await Promise.all(Array.from({ length: few }, () => ask(long)))
  expect(new Set(patient)).toEqual(new Set(['Error: no answer within 500 ms']))
  // What the system's own buffers took is not counted.
  const many = await Promise.all(Array.from({ length: 20 }, () => ask(long)))
  expect(many.at(-1)).toContain('does not read')
  client.close()
  for (const socket of kept) socket.destroy()
  deaf.close()
})

test('where nobody listens a check fails at once, and the next one tries again', async () => {
  const nobody = join(folder, 'nobody.sock')
  const client = createCheckClient({ endpoint: `unix:${nobody}` })
  await expect(client.check({ customer: 'acme' })).rejects.toThrow('ENOENT')
  const later = await startCheckOver(world.database.pool, 0, nobody)
  expect((await client.check({ customer: 'acme' })).decision).toBe('allow')
  await later.stop()
  await expect(client.check({ customer: 'acme' })).rejects.toThrow()
  client.close()
})

test('an idle connection does not keep a process', async () => {
  const program = `
    import { createCheckClient } from './instrumentation/check-client.ts'
    const client = createCheckClient({ endpoint: 'unix:${path}', timeoutMs: 60000 })
    console.log((await client.check({ customer: 'acme' })).decision)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'exit')
  expect([code, said]).toEqual([0, 'allow\n'])
})

test('a wrong key is told by the status', async () => {
  const key = await createKey(world.database.pool, { tenantId: 'default', role: 'check' })
  const endpoint = `unix:${path}`
  const wrong = createCheckClient({ endpoint, apiKey: 'wrong', timeoutMs: 60_000 })
  await until(() =>
    wrong.check({ customer: 'acme' }).then(
      () => false,
      (error: unknown) => /answers (401|with a problem)/.test(String(error)),
    ),
  )
  wrong.close()
  const again = createCheckClient({ endpoint, apiKey: 'wrong', timeoutMs: 60_000 })
  await expect(again.check({ customer: 'acme' })).rejects.toThrow('answers 401')
  again.close()
  const right = createCheckClient({ endpoint, apiKey: key.secret, timeoutMs: 60_000 })
  expect((await right.check({ customer: 'acme' })).decision).toBe('allow')
  right.close()
})

/** A socket before the check's own, over which answers can be kept back and connections be cut. */
async function startBetween() {
  const to = join(folder, `between-${Math.random().toString(36).slice(2)}.sock`)
  const pairs: [Socket, Socket][] = []
  let isDeaf = false
  const server: Server = createServer((near) => {
    const far = connect(path)
    pairs.push([near, far])
    if (isDeaf) far.pause()
    near.on('data', (chunk) => far.write(chunk))
    far.on('data', (chunk) => near.write(chunk))
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(to, resolve))
  return {
    path: to,
    deafen() {
      isDeaf = true
      for (const [, far] of pairs) far.pause()
    },
    hear() {
      isDeaf = false
      for (const [, far] of pairs) far.resume()
    },
    cut() {
      isDeaf = false
      for (const [near] of pairs.splice(0)) near.destroy()
    },
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
