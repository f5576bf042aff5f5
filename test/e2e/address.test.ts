import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { runCommand } from './process.ts'

test('an address that somebody else has is told with the setting that moves it', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  try {
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const args = ['sidecar', '--upstream', 'http://127.0.0.1:1']
    const started = runCommand(args, { AFORO_CHECK_ADDR: taken, AFORO_AUTHZ_GRPC_ADDR: '127.0.0.1:0' })
    await expect(started).rejects.toMatchObject({
      code: 1,
      stderr: `aforo: ${taken} is taken: is another Aforo running? AFORO_CHECK_ADDR moves this one; port 0 takes any\n`,
    })
  } finally {
    other.close()
  }
})

test.each([
  [
    ['--unix', '/nowhere/aforo.sock'],
    {},
    '/nowhere/aforo.sock cannot be made: is its folder there, and may we write in it?',
  ],
  [[], { AFORO_CHECK_ADDR: '192.0.2.1:4319' }, '192.0.2.1:4319 is no address of this machine'],
])('an address that cannot be is told so: %j %j', async (args, settings, text) => {
  const all = ['sidecar', '--upstream', 'http://127.0.0.1:1', '--key', 'any', ...args]
  const free = '127.0.0.1:0'
  const started = runCommand(all, { AFORO_CHECK_ADDR: free, AFORO_AUTHZ_GRPC_ADDR: free, ...settings })
  await expect(started).rejects.toMatchObject({ code: 1, stderr: `aforo: ${text}\n` })
})
