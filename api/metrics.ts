import type { RequestHandler } from 'express'
import { Counter, Histogram, type Registry } from 'prom-client'

/** Counts requests by route and status, and how long they took. Unknown paths are one label, so that labels stay few. */
export function countRequests(registry: Registry): RequestHandler {
  const requests = new Counter({
    name: 'aforo_api_requests_total',
    help: 'Requests to the REST API.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'aforo_api_request_seconds',
    help: 'Time from a request to the REST API to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  })
  return (request, response, next) => {
    const stop = seconds.startTimer()
    response.once('finish', () => {
      const path: unknown = request.route?.path
      const route = typeof path === 'string' ? path : 'none'
      stop({ method: request.method, route })
      requests.inc({ method: request.method, route, status: response.statusCode })
    })
    next()
  }
}
