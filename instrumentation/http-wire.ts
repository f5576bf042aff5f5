import { Agent, type IncomingMessage, request } from 'node:http'
import { ANSWER_CHARS_MAX, type Asked, lateError, problemOf, type Target, type Wire } from './wire.ts'

const SOCKETS_MAX = 64

/** A request for every question, over connections that are kept. */
export function httpWire(target: Target, headers: Readonly<Record<string, string>>, timeoutMs: number): Wire {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'lifo' })
  return {
    ask(what, body, holdId) {
      const bytes = Buffer.from(JSON.stringify(body))
      return new Promise((resolve, reject) => {
        const sent = request({
          ...target,
          path: pathOf(what, holdId),
          agent,
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json', 'content-length': bytes.length },
        })
        const late = setTimeout(() => sent.destroy(lateError(timeoutMs)), timeoutMs)
        sent.once('error', (error) => {
          clearTimeout(late)
          reject(error)
        })
        sent.once('response', (response) => {
          read(response)
            .then(resolve, reject)
            .finally(() => clearTimeout(late))
        })
        sent.end(bytes)
      })
    },
    close: () => agent.destroy(),
  }
}

function pathOf(what: Asked, holdId = ''): string {
  return what === 'check' ? '/v1/check' : `/v1/holds/${encodeURIComponent(holdId)}/${what}`
}

function read(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > ANSWER_CHARS_MAX) response.destroy(new Error('the answer is too long'))
    })
    response.once('error', reject)
    response.once('end', () => {
      if (response.statusCode === 200) resolve(text)
      else reject(problemOf(response.statusCode, text))
    })
  })
}
