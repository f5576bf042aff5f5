import fc from 'fast-check'
import type { Centre } from '../../sidecar/centre/centre.ts'
import { exchange, type StillServer, startStill } from './plain-asker.ts'

export const LAST = 'GET /livez HTTP/1.1\r\nhost: aforo\r\nconnection: close\r\n\r\n'

/** Two servers over the same, one of which reads what is plain before node:http sees it. */
export interface Pair {
  readonly plain: StillServer
  readonly http: StillServer
  /** What the other one answered. */
  readonly known: Map<string, string>
  stop(): Promise<unknown>
}

export async function startPair(over: Partial<Centre>, clock?: () => number): Promise<Pair> {
  const plain = await startStill('plain', over, {}, clock)
  const http = await startStill('node:http', over, {}, clock)
  return { plain, http, known: new Map(), stop: () => Promise.all([plain.stop(), http.stop()]) }
}

/** What node:http answers to each when it is asked alone, as far as the connection lasts. */
async function answersOf(pair: Pair, requests: readonly string[]): Promise<string> {
  const last = await alone(pair, '')
  let all = ''
  for (const request of requests) {
    const text = await alone(pair, request)
    if (!text.endsWith(last)) return all + text
    all += text.slice(0, -last.length)
  }
  return all + last
}

async function alone({ http, known }: Pair, request: string): Promise<string> {
  const text = known.get(request) ?? (await exchange(http.port, [Buffer.from(request + LAST)])).text
  known.set(request, text)
  return text
}

/** What both answer to requests that come in such pieces; the same as far as a connection that broke told it. */
export async function answersOfBoth(
  pair: Pair,
  requests: readonly string[],
  pieces: readonly number[],
): Promise<{ readonly plain: string; readonly http: string }> {
  const http = await answersOf(pair, requests)
  const all = Buffer.from(requests.join('') + LAST, 'utf8')
  const { text, isBroken } = await exchange(pair.plain.port, cut(all, pieces))
  return { plain: text, http: isBroken ? http.slice(0, text.length) : http }
}

/** Where they are cut. */
export const SHARES = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

/** Cuts bytes at places that are given as shares of their length. */
function cut(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const places = shares.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b)
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length))
}
