import { type Profiler, Session } from 'node:inspector/promises'

/** Microseconds between two samples. */
const EVERY_US = 200
const DECIMALS = /\/node_modules\/decimal\.js\/|\/core\/money\.ts$/

/** The share of a work's CPU time in this process that goes into decimals: samples in them among all that are not idle. */
export async function decimalShare(work: () => Promise<void>): Promise<number> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: EVERY_US })
    await session.post('Profiler.start')
    await work()
    return shareOf((await session.post('Profiler.stop')).profile)
  } finally {
    session.disconnect()
  }
}

function shareOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): number {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  let [busy, decimals] = [0, 0]
  samples.forEach((id, i) => {
    const { functionName, url } = frames.get(id)!
    if (functionName === '(idle)') return
    busy += timeDeltas[i]!
    if (DECIMALS.test(url)) decimals += timeDeltas[i]!
  })
  return decimals / busy
}
