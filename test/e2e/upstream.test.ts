import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from './client.ts'
import { type AforoProcess, runAforo, runCommand } from './process.ts'

/** A sidecar whose --upstream is not what it should be. */

let database: TestDatabase
let aforo: AforoProcess
beforeAll(async () => {
  database = await testDatabase()
  aforo = await runAforo('serve', { DATABASE_URL: database.url })
}, 120_000)
afterAll(async () => {
  await aforo?.end('SIGTERM')
  await database.drop()
})

test('another address of an Aforo than that of checks is refused at the start', async () => {
  const free = '127.0.0.1:0'
  const settings = { AFORO_CHECK_ADDR: free, AFORO_AUTHZ_GRPC_ADDR: free }
  for (const port of [aforo.ports.api, aforo.ports.otlp_http]) {
    const started = runCommand(['sidecar', '--upstream', `http://127.0.0.1:${port}`], settings)
    await expect(started, String(port)).rejects.toMatchObject({
      code: 1,
      stderr: 'aforo: the upstream answers, and is no check address of an Aforo\n',
    })
  }
}, 120_000)

test('one where nobody answers is said so at the start, as it may come later', async () => {
  const sidecar = await runAforo('sidecar', {}, ['--upstream', 'http://127.0.0.1:1'])
  await until(async () => sidecar.log().includes('upstream does not answer as an Aforo would'))
  expect(sidecar.log()).toContain('"upstream":"http://127.0.0.1:1"')
  expect((await sidecar.end('SIGTERM')).code).toBe(0)
}, 120_000)
