import { createHash } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { FILE_BYTES_MAX } from '../../cmd/prices/bill-lines.ts'
import { pricesCommand } from '../../cmd/prices.ts'
import type { AforoError } from '../../core/errors.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { BILLS_LISTED_MAX, readReconciled } from '../../rating/prices/bills/vendor-bills.ts'
import { createRater } from '../../rating/rater.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, NOON, storeEvent, storeOverride } from './events.ts'
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

test('a catalogue is pulled, looked at, decided and listed; a second one is compared with the book', async () => {
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

test('bills of a file are kept and compared; one that differs ends with 1', async () => {
  await storeOverride(db.pool, {
    provider: 'acme-ai',
    model: 'm-1',
    meter: 'input_uncached',
    unitPrice: '0.01',
  })
  const buckets = { ...NO_TOKENS, inputUncached: 100 }
  await storeEvent(db.pool, {
    traceNo: 1,
    time: NOON,
    assembly: assemblyOf({
      calls: [modelCall(1, { provider: 'acme-ai', model: 'm-1', requestModel: null, buckets })],
    }),
  })
  await createRater({ pool: db.pool }).rate(NOON)
  const file = join(folder, 'bills.csv')
  await writeFile(file, 'provider,day,usd\nacme-ai,2026-11-23,1.00\nacme-ai,2026-11-24,0\n')
  const agreeing = await aforo('reconcile', '--file', file)
  expect(agreeing.out).toBe(
    `acme-ai 2026-11-23..2026-11-24: charged 1, COGS 1 USD · agrees
acme-ai 2026-11-24..2026-11-25: charged 0, COGS 0 USD · agrees
2 bills, 0 differ by more than 0.5%
`,
  )
  expect(process.exitCode).toBeUndefined()
  await writeFile(file, 'provider,month,usd\nacme-ai,2026-11,1.25\n')
  try {
    expect((await aforo('reconcile', '--file', file)).out).toContain(
      'acme-ai 2026-11-01..2026-12-01: charged 1.25, COGS 1 USD · differs by -0.25 (-20.00%)',
    )
    expect((await aforo('reconcile', '--from', '2026-11-24T00:00:00Z')).out).toContain('2 bills, 1 differ')
    expect(process.exitCode).toBe(1)
  } finally {
    process.exitCode = undefined
  }
  await writeFile(file, 'provider,month\nacme-ai,2026-11\n')
  expect((await aforo('reconcile', '--file', file)).error?.message).toContain(
    '/2 usd must be a decimal number',
  )
  await truncate(file, FILE_BYTES_MAX + 1)
  expect((await aforo('reconcile', '--file', file)).error?.message).toContain('more than')
  // More than are compared at once.
  const days = Array.from({ length: BILLS_LISTED_MAX + 1 }, (_, no) =>
    new Date(Date.UTC(2030, 0, 1 + no)).toISOString().slice(0, 10),
  )
  await writeFile(file, ['provider,day,usd', ...days.map((day) => `acme-ai,${day},0`)].join('\n'))
  expect((await aforo('reconcile', '--file', file)).out).toContain(`${BILLS_LISTED_MAX + 1} bills, 0 differ`)
  const all = await transaction(db.pool, (client) => readReconciled(client, 'default', {}))
  expect(all).toHaveLength(BILLS_LISTED_MAX)
})
