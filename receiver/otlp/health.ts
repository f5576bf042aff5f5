import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { numberField } from './message.ts'

const SERVING = 1
const NOT_SERVING = 2
const WATCHERS_MAX = 256

/** grpc.health.v1: serving until `stop`, for the server as a whole and for any service asked about. */
export interface HealthReports {
  readonly service: ServiceDefinition
  readonly methods: UntypedServiceImplementation
  stop(): void
}

export function healthReports(): HealthReports {
  let state = SERVING
  const watchers = new Set<ServerWritableStream<Buffer, Buffer>>()
  return {
    service: {
      check: definition('/grpc.health.v1.Health/Check', false),
      watch: definition('/grpc.health.v1.Health/Watch', true),
    },
    methods: {
      check: (_: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) =>
        reply(null, numberField(1, state)),
      watch: (call: ServerWritableStream<Buffer, Buffer>) => {
        if (watchers.size >= WATCHERS_MAX) {
          call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'too many watchers' })
          return
        }
        watchers.add(call)
        call.on('cancelled', () => watchers.delete(call))
        call.write(numberField(1, state))
      },
    },
    stop() {
      state = NOT_SERVING
      for (const watcher of watchers) {
        watcher.write(numberField(1, state))
        watcher.end()
      }
      watchers.clear()
    },
  }
}

function definition(path: string, responseStream: boolean): ServiceDefinition[string] {
  const asIs = (bytes: Buffer) => bytes
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
}
