import { Registry } from 'prom-client'
import { SILENT } from '../core/log.ts'
import { startCheck } from '../sidecar/check.ts'
import { memoryCentre } from './check-centre.ts'

const WATCHERS = 100
const KILLS = 60

/** How long after a kill was asked for each of its watchers knows, in milliseconds. */
export async function pushMillis(): Promise<{ readonly p50: number; readonly p99: number }> {
  const address = { host: '127.0.0.1', port: 0 }
  const running = await startCheck({
    centre: memoryCentre(),
    address,
    registry: new Registry(),
    log: SILENT,
    isReady: async () => true,
  })
  const url = `http://127.0.0.1:${running.port}`
  const stopped = new AbortController()
  let heard: (word: string) => void = () => {}
  const streams = await Promise.all(
    Array.from({ length: WATCHERS }, () =>
      fetch(`${url}/v1/watch?customer=acme&session=s`, { signal: stopped.signal }),
    ),
  )
  for (const { body } of streams) {
    void (async () => {
      for await (const text of body!.pipeThrough(new TextDecoderStream())) {
        heard(text.includes('"killed"') ? 'kill' : 'lift')
      }
    })().catch(() => {})
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  const took: number[] = []
  for (let i = 0; i < KILLS; i++) {
    for (const verb of ['kill', 'lift'] as const) {
      const at = performance.now()
      let left = WATCHERS
      const all = new Promise<void>((resolve) => {
        heard = (word) => {
          if (word !== verb) return
          took.push(performance.now() - at)
          if (--left === 0) resolve()
        }
      })
      await fetch(`${url}/v1/sessions/s/${verb}`, { method: 'POST' })
      await all
    }
  }
  stopped.abort()
  await running.stop()
  took.sort((a, b) => a - b)
  return { p50: took[Math.floor(took.length / 2)]!, p99: took[Math.floor(took.length * 0.99)]! }
}
