import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { Registry } from 'prom-client'
import type { CheckRequest, Decision } from '../core/decision.ts'
import { SILENT } from '../core/log.ts'
import { startCheck } from '../sidecar/check.ts'
import { Checkers } from '../sidecar/checkers.ts'
import { createCheckMetrics } from '../sidecar/metrics.ts'
import { checkRequest } from '../sidecar/server/request.ts'
import { memoryCentre } from './check-centre.ts'

/** `hold` and `settled` are asked for holds, which end by their spans or by call. */
export type CheckServerName = 'check' | 'bare' | 'express' | 'hold' | 'settled'

export interface CheckTold {
  readonly port: number
}

const BODY = { customer: 'acme', session: 'session_4f2a', product: 'support-bot', model: 'claude-sonnet-4-6' }
const HOLD = {
  ...BODY,
  reserve: true,
  ttl_ms: 1_000,
  estimate: { input_tokens: '1842', max_output_tokens: '623' },
}

/** What is asked of a server. */
export function questionTo(name: CheckServerName): CheckRequest {
  return name === 'hold' || name === 'settled' ? HOLD : BODY
}

/** Starts a server that answers checks, on a free port; ours on a socket too. */
export async function startServer(name: CheckServerName, unixPath: string): Promise<CheckTold> {
  switch (name) {
    case 'check':
    case 'hold':
    case 'settled': {
      const registry = new Registry()
      const address = { host: '127.0.0.1', port: 0 }
      const isReady = async () => true
      const centre = memoryCentre(name === 'hold' ? 'spans' : 'holds')
      const parts = { centre, address, unixPath, registry, log: SILENT, isReady }
      // As beside an agent.
      const { port } = await startCheck({ ...parts, busyPolls: true })
      return { port }
    }
    case 'bare':
      return listen(bare())
    case 'express':
      return listen(createServer(expressCheck()))
  }
}

/** Reads the body, and answers what a check answers, without looking. */
function bare(): Server {
  const decision: Decision = {
    decision: 'allow',
    reason: 'within_budget',
    budget: 'money',
    remaining: '999999.5',
    unit: 'price',
    source: 'live',
    age_ms: 12,
  }
  const text = JSON.stringify(decision)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  return createServer((request, response) => {
    request.on('data', () => {})
    request.on('end', () => {
      response.writeHead(200, headers)
      response.end(text)
    })
  })
}

/** The same work behind express. */
function expressCheck() {
  const metrics = createCheckMetrics(new Registry())
  const clock = () => performance.now()
  const checkers = new Checkers({ centre: memoryCentre(), sidecarId: 'bench', clock, log: SILENT, metrics })
  const app = express()
  app.disable('x-powered-by')
  app.post('/v1/check', express.json(), async (request, response) => {
    response.json(await checkers.of('default').check(checkRequest(request.body)))
  })
  return app
}

async function listen(server: Server): Promise<CheckTold> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port }
}
