import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { createHttpCentre } from '../../sidecar/centre/http-centre.ts'
import { startRelay } from '../support/relay.ts'
import { until } from './start.ts'

test('a centre that ends the stream of changes in order and does not come back is told of once, and once when it does', async () => {
  const streams: ServerResponse[] = []
  const centre = createServer((_, response) => {
    streams.push(response)
    response.write('{"kind":"beat"}\n')
  })
  await new Promise<void>((resolve) => centre.listen(0, '127.0.0.1', resolve))
  const link = await startRelay((centre.address() as AddressInfo).port)
  const said: string[] = []
  const note = (level: string) => (_: object, text: string) =>
    void said.push(`${level} ${text.split(';')[0]}`)
  const log = { ...SILENT, info: note('info'), warn: note('warn') }
  const upstream = `http://127.0.0.1:${link.port}`
  const followed = createHttpCentre({ upstream, key: null, lendsKey: true, log })
  let beats = 0
  const stop = followed.follow('default', () => {
    beats += 1
  })
  await until(async () => beats === 1)
  streams[0]!.end()
  link.cut()
  await until(async () => said.length > 0)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(said).toEqual(['warn the centre is not heard'])
  link.heal()
  await until(async () => beats > 1)
  expect(said).toEqual(['warn the centre is not heard', 'info the centre is heard again'])
  stop()
  await link.stop()
  centre.closeAllConnections()
  await new Promise((resolve) => centre.close(resolve))
}, 30_000)
