import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { pricesCommand } from '../../cmd/prices.ts'
import type { AforoError } from '../../core/errors.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { priceRow, proposals, rowFile } from './price-catalogues.ts'

let db: TestDatabase
let upstream: Server
let served: string
let folder: string
let url: string

beforeAll(async () => {
  db = await testDatabase()
  folder = await mkdtemp(join(tmpdir(), 'aforo-prices-'))
  upstream = createServer((_request, response) => response.end(served))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('DATABASE_URL', db.url)
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/prices.json`
  vi.stubEnv('AFORO_PRICE_SOURCE', url)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  upstream.closeAllConnections()
  upstream.close()
  await db.drop()
  await rm(folder, { recursive: true })
})

/** What the command prints, and the error it ends with. */
async function aforo(...args: string[]): Promise<{ out: string; error: AforoError | null }> {
  let out = ''
  const print = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text
    return true
  })
  try {
    await pricesCommand().parseAsync(args, { from: 'user' })
    return { out, error: null }
  } catch (error) {
    return { out, error: error as AforoError }
  } finally {
    print.mockRestore()
  }
}

test('a catalogue is pulled, looked at, decided and listed; a second one is compared with the book', {
  timeout: 60_000,
}, async () => {
  served = rowFile([priceRow(), priceRow({ meter: 'output', unit_price: '15' })])
  const digest = createHash('sha256').update(served).digest('hex')
  const looked = await aforo('diff')
  expect(looked.out).toContain('new_model acme/m-1 input_uncached nothing -> 3/1000000')
  expect(await proposals(db.pool), 'a diff writes nothing').toEqual([])
  const pulled = await aforo('pull', '--source', `${url}#sha256=${digest}`)
  expect(pulled).toMatchObject({ error: null, out: expect.stringContaining(`2 prices, sha256 ${digest}`) })
  expect(pulled.out).toContain('0 accepted, 1 held')
  const [{ id } = { id: '' }] = await proposals(db.pool)
  const listed = await aforo('proposals')
  expect(listed.out).toContain(`${id} new_model acme/m-1 · held: no_price_before`)
  expect((await aforo('approve', id, '--by', 'ada')).out).toContain(`proposal ${id} is approved`)
  expect((await aforo('approve', id)).error).toMatchObject({ code: 'conflict' })
  expect((await aforo('list', '--provider', 'acme')).out).toContain(
    'catalogue acme/m-1 input_uncached standard: 3/1000000 USD',
  )

  const second = join(folder, 'litellm.json')
  const price = { litellm_provider: 'acme', input_cost_per_token: 0.000006, output_cost_per_token: 0.000015 }
  await writeFile(second, JSON.stringify({ 'acme/m-1': price }))
  const { out } = await aforo('diff', '--against', second)
  expect(out).toContain('acme m-1 input_uncached standard 0: 3 / 6, x2')
  expect(out).toContain('1 disagreements on 2 prices that both have')

  served = `${served} `
  expect((await aforo('pull', '--source', `${url}#sha256=${digest}`)).error?.message).toContain(
    `not ${digest} as expected`,
  )
  served = rowFile([priceRow({ unit_price: '-1' })])
  expect((await aforo('pull')).error?.faults).toMatchObject([{ path: '/prices/0/unit_price' }])
})
