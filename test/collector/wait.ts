import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 25

/** Asks again and again until the answer is there. @throws Error when it is not in time */
export async function within<T>(
  ms: number,
  what: string,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(PAUSE_MS)
  }
}
