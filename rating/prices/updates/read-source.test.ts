import { mkdtemp, open, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSource, SOURCE_BYTES_MAX, SOURCE_MS_MAX } from './read-source.ts'

let server: Server
let url: string
let folder: string
let answer: (response: ServerResponse) => void
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aforo-source-'))
  server = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.json`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})

describe('a catalogue', () => {
  test('of 32 MiB is read, and one byte more is refused', async () => {
    const path = join(folder, 'large.json')
    const file = await open(path, 'w')
    try {
      await file.truncate(SOURCE_BYTES_MAX)
      expect((await readSource(path)).text).toHaveLength(33_554_432)
      await file.truncate(SOURCE_BYTES_MAX + 1)
      await expect(readSource(path)).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringContaining('is larger than 33554432 bytes'),
      })
    } finally {
      await file.close()
    }
  })

  test('of a server is read no further than the bound, whatever it says of its length', async () => {
    let isClosed: () => void = () => {}
    const closed = new Promise<void>((resolve) => {
      isClosed = resolve
    })
    answer = (response) => {
      response.on('close', isClosed)
      response.write('x'.repeat(100))
      response.write('x')
    }
    await expect(readSource(url, { bytesMax: 100 })).rejects.toMatchObject({ code: 'invalid_argument' })
    await closed
    answer = (response) => response.end('x'.repeat(100))
    expect((await readSource(url, { bytesMax: 100 })).text).toHaveLength(100)
  })

  test('that does not come in full in time is away, also where it keeps coming', async () => {
    expect(SOURCE_MS_MAX).toBe(30_000)
    const drips: NodeJS.Timeout[] = []
    for (const slow of [
      () => {},
      (response: ServerResponse) => {
        drips.push(setInterval(() => response.write(' '), 20))
      },
    ]) {
      answer = slow
      await expect(readSource(url, { msMax: 150 })).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('no answer in 150 ms'),
      })
    }
    drips.forEach(clearInterval)
  })

  test('is what it was expected to be, or refused', async () => {
    answer = (response) => response.end('[]')
    const { digest } = await readSource(url)
    expect((await readSource(`${url}#sha256=${digest.toUpperCase()}`)).digest).toBe(digest)
    for (const [wrong, message] of [
      [digest.replace(/^./, digest.startsWith('0') ? '1' : '0'), /as expected/],
      [digest.slice(1), /64 hex digits/],
    ] as const) {
      await expect(readSource(`${url}#sha256=${wrong}`)).rejects.toThrow(message)
    }
  })

  test.each([
    ['is not there', (response: ServerResponse) => response.writeHead(404).end(), 'unavailable'],
    [
      'is no UTF-8',
      (response: ServerResponse) => response.end(Buffer.from([0xff, 0xfe])),
      'invalid_argument',
    ],
    [
      'breaks off',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '10' })
        response.write('12345', () => response.destroy())
      },
      'unavailable',
    ],
  ])('that %s is told', async (_, answers, code) => {
    answer = answers
    await expect(readSource(url)).rejects.toMatchObject({ code })
  })
})
