import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { openTestServer, type TestServer } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers with the TestServer's address, having started it on the first call. */
    testServer: string
  }
}

/** One database server per run, started only if a test asks for it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let opening: Promise<TestServer> | undefined
  const broker = createServer((_request, response) => {
    opening ??= openTestServer()
    opening.then(
      (server) => response.end(JSON.stringify(server.address)),
      (error: Error) => response.writeHead(500).end(error.stack),
    )
  })
  // Files ask minutes apart: none is to find a connection that was closed just now.
  broker.keepAliveTimeout = 0
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve))
  project.provide('testServer', `http://127.0.0.1:${(broker.address() as AddressInfo).port}`)
  return async () => {
    broker.close()
    const server = await opening?.catch(() => undefined)
    await server?.close()
  }
}
