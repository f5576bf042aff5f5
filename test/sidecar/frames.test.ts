import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryCentre } from '../../bench/check-centre.ts'
import { FRAME_BODY_BYTES_MAX, FRAME_KINDS, FRAMES_UNDER_WAY_MAX, frameText } from '../../core/frames.ts'
import { SILENT } from '../../core/log.ts'
import { createKey } from '../../schema/keys.ts'
import type { Centre } from '../../sidecar/centre/centre.ts'
import type { RunningCheck } from '../../sidecar/check.ts'
import { Checkers } from '../../sidecar/checkers.ts'
import { createCheckMetrics } from '../../sidecar/metrics.ts'
import { Admission } from '../../sidecar/server/admission.ts'
import { Frames } from '../../sidecar/server/frames.ts'
import { FAULTS_TOLD_MAX } from '../../sidecar/server/request.ts'
import { openFrames } from './frame-asker.ts'
import { type CheckWorld, putBudget, startCheckOver, startWorld, until } from './start.ts'

const { check, settle, release, problem } = FRAME_KINDS
const CALL = { model: 'claude-sonnet-4-6', estimate: { input_tokens: '1000', max_output_tokens: '4000' } }

const folder = mkdtempSync(join(tmpdir(), 'aforo-frames-'))
const socketPath = join(folder, 'check.sock')
let world: CheckWorld
let local: RunningCheck

beforeAll(async () => {
  world = await startWorld()
  local = await startCheckOver(world.database.pool, 0, socketPath)
})
afterAll(async () => {
  await local.stop()
  await world.stop()
  rmSync(folder, { recursive: true })
})

describe('over frames', () => {
  test('the check answers as over HTTP, on a socket and on a port', async () => {
    for (const where of [{ socketPath }, { host: '127.0.0.1', port: world.running.port }]) {
      const asker = await openFrames(where)
      asker.send(1, check, { customer: 'acme', session: 'Zoë 😀' })
      asker.send(2, check, { customer: 'nobody' })
      const told = (await asker.next(2)).sort((a, b) => a.id - b.id)
      expect(told).toMatchObject([
        { id: 1, kind: check, body: { decision: 'allow', reason: 'within_budget', source: 'live' } },
        { id: 2, kind: check, body: { decision: 'deny', reason: 'unknown_customer' } },
      ])
      asker.socket.end()
      await asker.closed
    }
  })

  test('holds are taken, settled and released, by the books of HTTP', async () => {
    await putBudget(world.database.pool, 'framed', { scope: { agent: 'framed' }, limit: '0.07' })
    const asked = { customer: 'acme', agent: 'framed', reserve: true, ...CALL }
    await until(async () => (await world.check({ ...asked, reserve: false })).body.budget === 'framed')
    const asker = await openFrames({ port: world.running.port })
    asker.send(1, check, asked)
    const [held] = await asker.next()
    expect(held).toMatchObject({
      kind: check,
      body: { decision: 'allow', source: 'lease', remaining: '0.007' },
    })
    asker.send(2, check, asked)
    expect((await asker.next())[0]!.body).toMatchObject({ decision: 'deny', budget: 'framed' })
    const actual = { input_tokens: 1000, output_tokens: 100 }
    asker.send(3, settle, { hold_id: held!.body.hold_id, actual })
    const [settled] = await asker.next()
    expect(settled).toMatchObject({ id: 3, kind: settle, body: { state: 'settled', late: false } })
    expect((await world.post(`/v1/holds/${held!.body.hold_id}/settle`, { actual })).body).toEqual(
      settled!.body,
    )
    asker.send(4, check, asked)
    const [again] = await asker.next()
    asker.send(5, release, { hold_id: again!.body.hold_id })
    expect((await asker.next())[0]).toMatchObject({ id: 5, kind: release, body: { state: 'released' } })
    asker.socket.destroy()
  })

  test('each question of a long line gets its own answer, asked for or known', async () => {
    const asker = await openFrames({ socketPath })
    const sessions = Array.from({ length: 3_000 }, (_, i) => `s${i % 40}`)
    const line = sessions.map((session, id) =>
      frameText(id, check, JSON.stringify({ customer: 'acme', session })),
    )
    asker.socket.write(line.join(''), 'latin1')
    const told = await asker.next(sessions.length)
    expect(new Set(told.map(({ id }) => id)).size).toBe(sessions.length)
    expect(told.every(({ kind, body }) => kind === check && body.decision === 'allow')).toBe(true)
    asker.socket.destroy()
  })
})

describe('bad frames', () => {
  test('are told as problems, and the next one is answered', async () => {
    const asker = await openFrames({ socketPath })
    asker.send(1, check, '{"customer":')
    asker.send(2, check, { customer: 'acme', sesion: 's' })
    asker.send(3, 9, {})
    asker.send(4, settle, { hold_id: 'never' })
    asker.send(5, release, 'null')
    asker.send(6, settle, { hold_id: 'never', actual: { input_tokens: -1 } })
    asker.send(7, check, { customer: 'acme' })
    const told = (await asker.next(7)).sort((a, b) => a.id - b.id)
    expect(told).toMatchObject([
      { id: 1, kind: problem, body: { status: 400, code: 'invalid_argument' } },
      { id: 2, kind: problem, body: { code: 'invalid_argument', faults: [{ path: '/sesion' }] } },
      { id: 3, kind: problem, body: { code: 'not_found' } },
      { id: 4, kind: problem, body: { code: 'not_found' } },
      { id: 5, kind: problem, body: { code: 'not_found' } },
      { id: 6, kind: problem, body: { code: 'invalid_argument' } },
      { id: 7, kind: check, body: { decision: 'allow' } },
    ])
    asker.socket.destroy()
  })

  test('that are too long end the connection, after what came before is answered', async () => {
    const asker = await openFrames({ socketPath })
    const session = (bytes: number) => JSON.stringify({ customer: 'acme', session: 'x'.repeat(bytes) })
    const longest = session(FRAME_BODY_BYTES_MAX - session(0).length)
    asker.send(1, check, longest)
    asker.send(2, check, { customer: 'acme' })
    asker.send(3, check, `${longest} `)
    asker.send(4, check, { customer: 'acme' })
    await asker.closed
    expect(asker.told.sort((a, b) => b.id - a.id)).toMatchObject([
      { id: 2, kind: check, body: { decision: 'allow' } },
      { id: 1, kind: check, body: { decision: 'allow' } },
      { id: 0, kind: problem, body: { code: 'invalid_argument' } },
    ])
  })

  test('a fault of many fields is told as far as a frame reaches', async () => {
    const asker = await openFrames({ socketPath })
    const wrong = (fields: number) =>
      Object.fromEntries(Array.from({ length: fields }, (_, i) => [`${i}`.padEnd(500, '\u0001'), 1]))
    asker.send(1, check, { customer: 'acme', ...wrong(FAULTS_TOLD_MAX) })
    asker.send(2, check, { customer: 'acme', ...wrong(FAULTS_TOLD_MAX + 1) })
    const [all, some] = await asker.next(2)
    expect(all!.body.faults).toHaveLength(FAULTS_TOLD_MAX)
    expect(all!.body.detail).not.toContain('more')
    expect(some!.body.faults).toHaveLength(FAULTS_TOLD_MAX)
    expect(some!.body.detail).toMatch(/; and 1 more$/)
    asker.socket.destroy()
  })
})

test('any bytes, and any end, leave other connections alone', async () => {
  const good = await openFrames({ socketPath })
  const held = frameText(7, check, JSON.stringify({ customer: 'acme', reserve: true, ...CALL }))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: held.length }).map((end) => Buffer.from(held.slice(0, end), 'latin1')),
    fc
      .tuple(fc.integer({ min: 0, max: held.length - 1 }), fc.integer({ min: 0, max: 255 }))
      .map(([at, byte]) => {
        const bent = Buffer.from(held, 'latin1')
        bent[at] = byte
        return bent
      }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 5 }), fc.boolean(), async (chunks, isPolite) => {
      const bad = await openFrames({ socketPath })
      for (const chunk of chunks) bad.socket.write(chunk)
      if (isPolite) bad.socket.end()
      else bad.socket.destroy()
      await bad.closed
      good.send(1, check, { customer: 'acme' })
      expect((await good.next())[0]).toMatchObject({ id: 1, kind: check })
    }),
    { numRuns: 60 },
  )
  good.socket.destroy()
})

test('another upgrade is not taken, and the request answered as it is', async () => {
  const raw = await openRaw(world.running.port)
  raw.socket.write(
    'POST /v1/check HTTP/1.1\r\nhost: h\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\ncontent-length: 19\r\n\r\n{"customer":"acme"}',
  )
  await until(async () => raw.text().includes('"decision":"allow"'))
  expect(raw.text()).toMatch(/^HTTP\/1\.1 200 OK/)
  raw.socket.destroy()
})

describe('bounds', () => {
  test('so many questions are under way, and the next is read when one is answered', async () => {
    let reads = 0
    let answerNow = () => {}
    const held = new Promise<void>((resolve) => {
      answerNow = resolve
    })
    const memory = memoryCentre()
    const slow: Centre = {
      ...memory,
      async read(...args) {
        reads += 1
        await held
        return memory.read(...args)
      },
    }
    const { frames, port, stop, decided } = await serve(slow)
    const asker = await openFrames({ port })
    const line = Array.from({ length: FRAMES_UNDER_WAY_MAX }, (_, id) =>
      frameText(id, check, JSON.stringify({ customer: 'acme' })),
    )
    asker.socket.write(line.join(''), 'latin1')
    // A fault is answered at once: it shows how far was read.
    asker.send(FRAMES_UNDER_WAY_MAX, 9, {})
    await until(async () => reads === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asker.told).toEqual([])
    answerNow()
    const told = await asker.next(FRAMES_UNDER_WAY_MAX + 1)
    expect(told.at(-1)).toMatchObject({ id: FRAMES_UNDER_WAY_MAX, kind: problem })
    expect(decided()).toBe(FRAMES_UNDER_WAY_MAX)
    asker.socket.end()
    await frames.stop(1_000)
    await stop()
  })

  test('who leaves answers unread is not read from, and dropped after a while', async () => {
    const { frames, port, stop, decided } = await serve(memoryCentre(), 300)
    const asker = await openFrames({ port })
    asker.send(1, check, { customer: 'acme' })
    await asker.next()
    asker.socket.pause()
    const line = frameText(2, check, JSON.stringify({ customer: 'acme' })).repeat(100_000)
    asker.socket.write(line, 'latin1')
    let before = -1
    await until(async () => {
      const now = decided()
      const isStill = now === before && now > 1
      before = now
      await new Promise((resolve) => setTimeout(resolve, 50))
      return isStill
    })
    expect(decided()).toBeLessThan(100_000)
    await until(async () => frames.size === 0)
    await stop()
  })

  test('stopping answers what was asked, and nothing more', async () => {
    let answerNow: (() => void) | undefined
    const memory = memoryCentre()
    const slow: Centre = {
      ...memory,
      read: (...args) =>
        new Promise((resolve) => {
          answerNow = () => resolve(memory.read(...args))
        }),
    }
    const { frames, port, stop } = await serve(slow)
    const asker = await openFrames({ port })
    asker.send(1, check, { customer: 'acme' })
    await until(async () => answerNow !== undefined)
    const stopped = frames.stop(5_000)
    asker.send(2, check, { customer: 'acme' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    answerNow!()
    await stopped
    await asker.closed
    expect(asker.told).toMatchObject([{ id: 1, kind: check }])
    await stop()
  })
})

test('a key opens its own tenant, in its own role, and nothing once it is revoked', async () => {
  const { pool } = world.database
  const key = await createKey(pool, { tenantId: 'locked', role: 'check' })
  const ingest = await createKey(pool, { tenantId: 'locked', role: 'ingest' })
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
  await until(async () => (await world.check({ customer: 'acme' })).status === 401)
  const where = { port: world.running.port }
  await expect(openFrames(where)).rejects.toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  await expect(openFrames(where, bearer(ingest.secret))).rejects.toMatchObject({ status: 403 })
  const foreign = { ...bearer(key.secret), 'x-aforo-tenant': 'default' }
  await expect(openFrames(where, foreign)).rejects.toMatchObject({ status: 403 })
  const asker = await openFrames(where, bearer(key.secret))
  asker.send(1, check, { customer: 'acme' })
  expect((await asker.next())[0]).toMatchObject({ kind: check, body: { reason: 'unknown_customer' } })
  await pool.query(`update aforo_store.api_keys set revoked_at = now() where tenant_id = 'locked'`)
  await until(async () => {
    asker.send(2, check, { customer: 'acme' })
    return (await asker.next())[0]!.body.code === 'unauthenticated'
  })
  asker.socket.destroy()
})

/** Frames over a centre, and nothing else. */
async function serve(centre: Centre, unreadMs?: number) {
  const registry = new Registry()
  const metrics = createCheckMetrics(registry)
  let count = 0
  const counted = { ...metrics, decided: () => void count++ }
  const clock = () => performance.now()
  const checkers = new Checkers({ centre, sidecarId: 'test', clock, log: SILENT, metrics: counted })
  const frames = new Frames({
    admission: new Admission(centre.access, clock),
    checkers,
    metrics,
    log: SILENT,
    ...(unreadMs !== undefined && { unreadMs }),
  })
  const server = createServer({ shouldUpgradeCallback: Frames.isFor })
  server.on('upgrade', (request, socket, head) => void frames.open(request, socket, head))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    frames,
    port,
    decided: () => count,
    async stop() {
      server.close()
      await checkers.stop()
    },
  }
}

async function openRaw(port: number) {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  return { socket, text: () => text }
}
