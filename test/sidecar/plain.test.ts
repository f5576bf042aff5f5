import { once } from 'node:events'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryCentre } from '../../bench/check-centre.ts'
import type { Centre } from '../../sidecar/centre/centre.ts'
import { CHECK_BYTES_MAX } from '../../sidecar/server/body.ts'
import { PLAIN_PIECES_MAX, PLAIN_UNDER_WAY_MAX } from '../../sidecar/server/plain-connection.ts'
import { PLAIN_HEAD_CHARS_MAX, plainHead, plainLine } from '../../sidecar/server/plain-head.ts'
import { openFrames } from './frame-asker.ts'
import { checkOf, open, type StillServer, startStill } from './plain-asker.ts'
import { answersOfBoth, LAST, type Pair, SHARES, startPair } from './plain-pair.ts'
import { until } from './start.ts'

const ACME = { customer: 'acme' }

const centre = memoryCentre()

/** Some spenders are answered for later than others, and those behind them wait. */
const slow: Partial<Centre> = {
  async read(...asked) {
    const ticks = (asked[1].session ?? '').length % 4
    for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate)
    return centre.read(...asked)
  },
}

let checks: Pair
let plain: StillServer
beforeAll(async () => {
  checks = await startPair(slow)
  plain = checks.plain
})
afterAll(() => checks.stop())

/** Most were not asked for before, and are read. */
const sessions = fc.oneof(
  fc.constantFrom('a', 'Zoë 😀'),
  fc.nat(99_999).map((no) => `s${no}`),
)
const body = fc.oneof(
  fc.record({ customer: fc.constant('acme'), session: sessions }).map((fields) => JSON.stringify(fields)),
  fc.constantFrom(
    '{"customer":',
    '[]',
    'null',
    '{"customer":"acme","Zoë":1}',
    JSON.stringify({ ...ACME, session: 'x'.repeat(3_000) }),
    JSON.stringify({ ...ACME, idempotency_key: 'one' }),
    JSON.stringify({ ...ACME, estimate: { input_tokens: '9' } }),
  ),
)
const headers = fc.subarray([
  'Connection: keep-alive',
  'content-type:application/json',
  'X-Forwarded-For: \t 10.0.0.1 ',
  'authorization: Bearer some',
  'x-empty:',
  'Idempotency-Key: one',
])
const plainly = fc.tuple(body, headers).map(([json, lines]) => checkOf(json, lines))

/** Requests that are right, and are read by node:http. */
const otherwise = fc.constantFrom(
  'GET /livez HTTP/1.1\r\nhost: aforo\r\n\r\n',
  'GET /nothing HTTP/1.1\r\nhost: aforo\r\nconnection: keep-alive\r\n\r\n',
  'POST /v1/check HTTP/1.1\r\nhost: aforo\r\n\r\n',
  'POST /v1/check HTTP/1.1\r\nhost: aforo\r\ncontent-length: 0\r\n\r\n',
  'POST /v1/check HTTP/1.1\r\nhost: aforo\r\ncontent-length: 019\r\n\r\n{"customer":"acme"}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nx-name: Zo\u00eb\r\ncontent-length: 2\r\n\r\n{}',
  'POST  /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check?a=b HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/sessions/other/lift HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  '\r\nPOST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  `POST /v1/check HTTP/1.1\r\nhost: a\r\ncookie: ${'c'.repeat(PLAIN_HEAD_CHARS_MAX)}\r\ncontent-length: 2\r\n\r\n{}`,
)

/** Requests after which node:http closes the connection. */
const lastly = fc.constantFrom(
  'POST /v1/check HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.0\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nproxy-connection: close\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 40\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2, 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: +2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 0x2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length : 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nx-a: b\r\n c\r\n content-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\nhost: a\ncontent-length: 2\n\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\nx: y\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\rx: y\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\u0000b\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/check HTTP/1.1\r\nhost: a\r\nx(y): b\r\ncontent-length: 2\r\n\r\n{}',
  `POST /v1/check HTTP/1.1\r\nhost: a\r\nx: ${'c'.repeat(20_000)}\r\ncontent-length: 2\r\n\r\n{}`,
  'post /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  '\u0016\u0003\u0001\u0002\u0000',
  checkOf(' '.repeat(CHECK_BYTES_MAX + 1)),
)

const conversation = fc.oneof(
  fc.tuple(fc.array(plainly, { maxLength: 12 }), lastly).map(([first, last]) => [...first, last]),
  fc.array(fc.oneof({ arbitrary: plainly, weight: 4 }, otherwise), { maxLength: 12 }),
)

describe('plain requests', () => {
  test('are answered as node:http answers, whatever comes with them, behind them and in which pieces', async () => {
    const asked = fc.asyncProperty(conversation, SHARES, async (requests, pieces) => {
      const answers = await answersOfBoth(checks, requests, pieces)
      expect(answers.plain).toBe(answers.http)
    })
    await fc.assert(asked, { numRuns: 400 })
  })

  test('do not reach node:http, over as many as come', async () => {
    let seen = 0
    const count = () => {
      seen += 1
    }
    plain.server.on('request', count)
    const asker = await open(plain.port)
    for (let no = 0; no < 3; no++) asker.socket.write(checkOf(ACME).repeat(100))
    await asker.answers(300)
    expect(seen).toBe(0)
    asker.socket.write(LAST)
    await asker.closed
    expect(seen).toBe(1)
    plain.server.off('request', count)
  })

  test('may be followed by frames', async () => {
    const asker = await open(plain.port)
    asker.socket.write(checkOf(ACME))
    await asker.answers(1)
    asker.socket.write(
      'GET /v1/frames HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: aforo-frames\r\n\r\n',
    )
    await asker.answers(2)
    expect(asker.text()).toContain('101 Switching Protocols')
    asker.socket.destroy()
    const frames = await openFrames({ host: '127.0.0.1', port: plain.port })
    frames.socket.destroy()
  })

  test('that end before their length are told so', async () => {
    const asker = await open(plain.port)
    asker.socket.end(checkOf(ACME) + checkOf(ACME).slice(0, -1))
    await asker.closed
    expect(asker.text()).toMatch(
      /^HTTP\/1.1 200 OK\r\n.*}HTTP\/1.1 400 Bad Request\r\nConnection: close\r\n\r\n$/s,
    )
  })
})

describe('bounds', () => {
  test('a head of one character more, and a body of one byte more, is not plain', () => {
    const read = (text: string) => {
      const line = plainLine(text, 0)
      return typeof line === 'string' ? line : plainHead(text, 0, line)
    }
    const head = (chars: number) => {
      const bare = 'POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nx: \r\n\r\n'
      return bare.replace('x: ', `x: ${'y'.repeat(chars - bare.length + 2)}`)
    }
    expect(read(head(PLAIN_HEAD_CHARS_MAX))).toMatchObject({ bodyBytes: 2 })
    expect(read(head(PLAIN_HEAD_CHARS_MAX + 1))).toBe('other')
    const sized = (bytes: number) => `POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes}\r\n\r\n`
    expect(read(sized(CHECK_BYTES_MAX))).toMatchObject({ bodyBytes: CHECK_BYTES_MAX })
    expect(read(sized(CHECK_BYTES_MAX + 1))).toBe('other')
    expect(read(head(PLAIN_HEAD_CHARS_MAX).slice(0, -2))).toBe('more')
    expect(read(`POST /v1/check HTTP/1.1\r\nx: ${'y'.repeat(PLAIN_HEAD_CHARS_MAX)}`)).toBe('other')
  })

  test('a request in one piece more is read by node:http', async () => {
    for (const [pieces, seen] of [
      [PLAIN_PIECES_MAX, 0],
      [PLAIN_PIECES_MAX + 2, 1],
    ] as const) {
      const still = await startStill('plain')
      let requests = 0
      still.server.on('request', () => {
        requests += 1
      })
      const accepted = once(still.server, 'connection')
      const asker = await open(still.port)
      const [connection] = (await accepted) as [Socket]
      const text = checkOf(ACME)
      for (let no = 0; no < pieces; no++) {
        const before = connection.bytesRead
        asker.socket.write(no === pieces - 1 ? text.slice(no) : text[no]!)
        await until(async () => connection.bytesRead > before)
      }
      await asker.answers(1)
      expect(asker.text()).toContain('within_budget')
      expect(requests).toBe(seen)
      asker.socket.destroy()
      await still.stop()
    }
  })

  test('a connection over which nothing whole comes is given to node:http, whose limits it has then', async () => {
    const still = await startStill('plain', {}, { plainMs: 20 })
    const [silent, slow] = [await open(still.port), await open(still.port)]
    slow.socket.write(checkOf(ACME).slice(0, -5))
    await until(async () => still.plain.size === 0)
    slow.socket.write(checkOf(ACME).slice(-5))
    await slow.answers(1)
    expect(slow.text()).toContain('within_budget')
    still.server.closeIdleConnections()
    await slow.closed
    silent.socket.destroy()
    await still.stop()
  })

  test('one question more waits until others are answered, and all are answered in their order', async () => {
    let asked = 0
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const read: Centre['read'] = async (...args) => {
      asked += 1
      await released
      return centre.read(...args)
    }
    const still = await startStill('plain', { read })
    const asker = await open(still.port)
    const wrong = (no: number) => checkOf({ ...ACME, session: `s${no}`, [`x${no}`]: 1 })
    const count = PLAIN_UNDER_WAY_MAX + 40
    const right = (no: number) => checkOf({ ...ACME, session: `s${no}` })
    for (let no = 0; no < count; no++) asker.socket.write(no % 10 === 9 ? wrong(no) : right(no))
    await until(async () => asked >= PLAIN_UNDER_WAY_MAX * 0.9 - 1)
    for (let tick = 0; tick < 20; tick++) await new Promise(setImmediate)
    expect(asked).toBeLessThanOrEqual(PLAIN_UNDER_WAY_MAX)
    release()
    await asker.answers(count)
    const order = [...asker.text().matchAll(/within_budget|detail":"\/x(\d+)/g)].map(([, no]) => no ?? '')
    expect(order).toEqual(Array.from({ length: count }, (_, no) => (no % 10 === 9 ? `${no}` : '')))
    asker.socket.destroy()
    await still.stop()
  })

  test('who leaves answers unread is not read from, and dropped after a while', async () => {
    const still = await startStill('plain', {}, { idleMs: 0 })
    const asker = await open(still.port)
    asker.socket.pause()
    const many = checkOf(ACME).repeat(5_000)
    let isFull = false
    for (let no = 0; no < 200 && !isFull; no++) {
      isFull = !asker.socket.write(many)
      if (isFull)
        await Promise.race([
          once(asker.socket, 'drain').then(() => (isFull = false)),
          new Promise((r) => setTimeout(r, 300)),
        ])
    }
    expect(isFull).toBe(true)
    await until(async () => still.plain.size === 0)
    asker.socket.destroy()
    await still.stop()
  })

  test('who asks nothing for a while is closed', async () => {
    const still = await startStill('plain', {}, { idleMs: 0 })
    const asker = await open(still.port)
    asker.socket.write(checkOf(ACME))
    await asker.closed
    expect(asker.text()).toContain('Keep-Alive: timeout=0')
    expect(asker.isBroken()).toBe(false)
    await still.stop()
  })
})

test('on stopping what was asked is answered, and the connection closed', async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let asked = 0
  const read: Centre['read'] = async (...args) => {
    asked += 1
    await released
    return centre.read(...args)
  }
  const still = await startStill('plain', { read })
  const [busy, idle] = [await open(still.port), await open(still.port)]
  busy.socket.write(checkOf(ACME))
  await until(async () => asked === 1)
  const stopped = still.plain.stop(5_000)
  await idle.closed
  release()
  await Promise.all([busy.closed, stopped])
  expect(busy.text()).toContain('within_budget')
  await still.stop()
})
