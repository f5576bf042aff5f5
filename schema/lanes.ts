/**
 * Works on items as they come, one per lane at a time: while one lane waits for the database, another computes. The
 * first failure ends all of it.
 * @param lanes what each lane works with, a connection of its own
 */
export async function acrossLanes<Item, Lane>(
  items: AsyncGenerator<Item, void, void>,
  lanes: readonly Lane[],
  work: (item: Item, lane: Lane) => Promise<void>,
): Promise<void> {
  let failed = false
  const run = async (lane: Lane) => {
    try {
      while (!failed) {
        const next = await items.next()
        if (next.done) return
        await work(next.value, lane)
      }
    } catch (error) {
      failed = true
      throw error
    }
  }
  // All lanes have stopped before anything else is done with their connections.
  const ends = await Promise.allSettled(lanes.map(run))
  await items.return()
  const fault = ends.find((end) => end.status === 'rejected')
  if (fault) throw fault.reason
}
