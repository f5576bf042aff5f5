import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { trace } from '@opentelemetry/api'
import { expect, onTestFinished, test } from 'vitest'
import { start } from './index.ts'

/** A receiver that answers `status` and remembers what it was asked. */
async function receiver(status: number) {
  const requests: { path: string; headers: IncomingMessage['headers']; bytes: number }[] = []
  const server = createServer(async (request, response) => {
    let bytes = 0
    for await (const chunk of request) bytes += chunk.length
    requests.push({ path: request.url ?? '', headers: request.headers, bytes })
    response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { requests, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('spans go to /v1/traces of the endpoint as protobuf with the key as bearer token', async () => {
  const { requests, endpoint } = await receiver(200)
  const instrumentation = start({ serviceName: 'shop', endpoint: `${endpoint}/`, apiKey: 'k-1' })
  onTestFinished(() => instrumentation.shutdown())
  trace.getTracer('t').startSpan('work').end()
  await instrumentation.flush()

  expect(requests).toHaveLength(1)
  expect(requests[0]!.path).toBe('/v1/traces')
  expect(requests[0]!.headers.authorization).toBe('Bearer k-1')
  expect(requests[0]!.headers['content-type']).toBe('application/x-protobuf')
  expect(requests[0]!.bytes).toBeGreaterThan(100)
})

test('shutdown sends what has not been sent', async () => {
  const { requests, endpoint } = await receiver(200)
  const instrumentation = start({ serviceName: 'shop', endpoint, delayMs: 60_000 })
  trace.getTracer('t').startSpan('work').end()
  expect(requests).toHaveLength(0)
  await instrumentation.shutdown()
  expect(requests).toHaveLength(1)
})

test('a flush that the receiver refused rejects', async () => {
  const { endpoint } = await receiver(401)
  const instrumentation = start({ serviceName: 'shop', endpoint })
  onTestFinished(() => instrumentation.shutdown())
  trace.getTracer('t').startSpan('work').end()
  await expect(instrumentation.flush()).rejects.toThrow()
})
