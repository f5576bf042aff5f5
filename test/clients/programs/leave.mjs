import { setTimeout as sleep } from 'node:timers/promises'

/** Some instrumentations read a stream to its end behind a program that left it. */
const READ_ON_MS = 1500

/** Takes the first of a stream and leaves. */
export async function leave(stream) {
  for await (const _ of stream) break
  await sleep(READ_ON_MS)
}
