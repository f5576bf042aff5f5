import { Agent, request } from 'node:http'
import { Client, credentials } from '@grpc/grpc-js'
import { EXPORT_PATH } from './receiver-servers.ts'

/** Sends one body and resolves when it is acknowledged. */
export type Send = (body: Buffer) => Promise<void>

/** Exporters of one protocol, each with a connection of its own. */
export interface Senders {
  readonly send: Send
  close(): void
}

export const CONNECTIONS = 8

/** Senders to a server on loopback. */
export function sendersTo(protocol: 'http' | 'grpc', port: number): Senders {
  return protocol === 'http' ? httpSenders(port) : grpcSenders(port)
}

function httpSenders(port: number): Senders {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const send: Send = (body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
      const options = { agent, host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers }
      const sending = request(options, (response) => {
        if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
        response.resume().on('end', resolve)
      })
      sending.on('error', reject)
      sending.end(body)
    })
  return { send, close: () => agent.destroy() }
}

function grpcSenders(port: number): Senders {
  // Channels with equal options share a connection; exporters do not.
  const clients = Array.from(
    { length: CONNECTIONS },
    (_, i) => new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'aforo.connection': i }),
  )
  const asIs = (bytes: Buffer) => bytes
  let turn = 0
  const send: Send = (body) =>
    new Promise((resolve, reject) => {
      const client = clients[turn++ % CONNECTIONS]!
      client.makeUnaryRequest(EXPORT_PATH, asIs, asIs, body, (error) => (error ? reject(error) : resolve()))
    })
  const close = () => {
    for (const client of clients) client.close()
  }
  return { send, close }
}
