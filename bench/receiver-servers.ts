import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import express from 'express'
import { Registry } from 'prom-client'
import { SILENT } from '../core/log.ts'
import { createReceiverMetrics } from '../receiver/metrics.ts'
import { type AcceptSteps, createAccept } from '../receiver/otlp/accept.ts'
import type { OtlpParts } from '../receiver/otlp/endpoint.ts'
import { startGrpc } from '../receiver/otlp/grpc.ts'
import { startHttp } from '../receiver/otlp/http.ts'
import { InFlight } from '../receiver/otlp/in-flight.ts'
import { READING } from '../receiver/receiver.ts'
import { type ReferenceRequest, staticDecoder } from './protobufjs-static.ts'

/** Servers that read an export request and acknowledge it, by name. `http` and `grpc` tell which load they take. */
export const SERVERS = {
  'http: express 5, protobufjs 8': { protocol: 'http', start: startExpress },
  'http: Aforo, spans decoded': { protocol: 'http', start: () => startOurs(startHttp, () => null) },
  'http: Aforo, usage made': { protocol: 'http', start: () => startOurs(startHttp, READING.toUsage) },
  'grpc: grpc-js, protobufjs 8': { protocol: 'grpc', start: startGrpcJs },
  'grpc: Aforo, spans decoded': { protocol: 'grpc', start: () => startOurs(startGrpc, () => null) },
  'grpc: Aforo, usage made': { protocol: 'grpc', start: () => startOurs(startGrpc, READING.toUsage) },
} as const satisfies Record<string, { protocol: 'http' | 'grpc'; start: () => Promise<number> }>

export type ServerName = keyof typeof SERVERS

export const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const BODY_BYTES_MAX = 67_108_864

/** Something of what was read goes here, so that no reading is found to have no effect; the rest is let go of. */
const sink = [0]

async function startOurs(
  start: typeof startHttp | typeof startGrpc,
  toUsage: AcceptSteps['toUsage'],
): Promise<number> {
  const metrics = createReceiverMetrics(new Registry())
  const append: AcceptSteps['append'] = async (_, usages) => {
    sink[0] = usages.length
  }
  const steps = { decode: READING.decode, toUsage, append, metrics, log: SILENT, now: () => new Date() }
  const parts: OtlpParts = {
    access: { authorise: async () => 'default' },
    accept: createAccept(steps),
    inFlight: new InFlight(BODY_BYTES_MAX, metrics.bytesInFlight),
    metrics,
    log: SILENT,
    bodyBytesMax: BODY_BYTES_MAX,
  }
  return (await start(parts, LOOPBACK)).port
}

async function startExpress(): Promise<number> {
  const decode = await staticDecoder()
  const app = express()
  const type = 'application/x-protobuf'
  app.post('/v1/traces', express.raw({ type, limit: BODY_BYTES_MAX }), (request, response) => {
    sink[0] = decode(request.body).resourceSpans.length
    response.type(type).send(Buffer.alloc(0))
  })
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK.host, resolve))
  return (server.address() as AddressInfo).port
}

async function startGrpcJs(): Promise<number> {
  const decode = await staticDecoder()
  const server = new Server({ 'grpc.max_receive_message_length': BODY_BYTES_MAX })
  const asIs = (bytes: Buffer) => bytes
  const method = {
    path: EXPORT_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: decode,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
  const handle = (call: ServerUnaryCall<ReferenceRequest, Buffer>, reply: sendUnaryData<Buffer>) => {
    sink[0] = call.request.resourceSpans.length
    reply(null, Buffer.alloc(0))
  }
  server.addService({ export: method }, { export: handle })
  return new Promise((resolve, reject) => {
    server.bindAsync(`${LOOPBACK.host}:0`, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    )
  })
}
