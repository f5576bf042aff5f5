import { setTimeout as sleep } from 'node:timers/promises'

const ANSWER_MS = 30_000
const POLL_MS = 100

/** The members of a billable event that the demo reads. Amounts are decimal strings. */
export interface BillableEvent {
  readonly event_id: string
  readonly trace_id: string
  readonly status: string
  readonly model_calls: number
  readonly tool_calls: number
  readonly price: string | null
  readonly cogs: string | null
  readonly margin: string | null
  readonly margin_pct: string | null
  readonly currency: string
}

/** Aforo's REST API, as much of it as the demo needs. Every answer but 2xx is an Error that says what was refused. */
export interface Api {
  put(path: string, body: unknown): Promise<void>
  post<T>(path: string, body: unknown): Promise<T>
  json<T>(path: string): Promise<T>
  /** A table for people. */
  text(path: string): Promise<string>
  /** The one event of a session, when it is rated. Rejects when there is none, or more, by `timeoutMs`. */
  ratedEvent(session: string, timeoutMs: number): Promise<BillableEvent>
}

export function apiAt(address: string): Api {
  const call = async (path: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(`http://${address}${path}`, {
      ...init,
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    if (!response.ok) {
      throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${await response.text()}`)
    }
    return response
  }
  const events = async (session: string) => {
    const response = await call(`/v1/events?session=${encodeURIComponent(session)}`, {})
    return ((await response.json()) as { data: BillableEvent[] }).data
  }
  return {
    async put(path, body) {
      await call(path, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    },
    async post<T>(path: string, body: unknown) {
      const headers = { 'content-type': 'application/json' }
      const response = await call(path, { method: 'POST', headers, body: JSON.stringify(body) })
      return (await response.json()) as T
    },
    json: async <T>(path: string) => (await (await call(path, {})).json()) as T,
    text: async (path) => (await call(path, { headers: { accept: 'text/plain' } })).text(),
    async ratedEvent(session, timeoutMs) {
      const deadlineMs = performance.now() + timeoutMs
      for (;;) {
        const found = await events(session)
        if (found.length > 1) throw new Error(`session ${session} has ${found.length} events, expected one`)
        if (found[0]?.status === 'rated') return found[0]
        if (performance.now() > deadlineMs) {
          throw new Error(`session ${session} is ${found[0]?.status ?? 'unknown'} after ${timeoutMs} ms`)
        }
        await sleep(POLL_MS)
      }
    },
  }
}
