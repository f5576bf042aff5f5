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
