/** What looking at a journal row costs, with room: a trace is left alone three times as long as it takes to look at it. */
const PAUSE_MS_PER_SPAN = 0.06
/** Traces that are looked at in less are looked at whenever spans come. */
const PAUSE_MS_MIN = 20
export const PAUSE_MS_MAX = 30_000

/**
 * How long a trace of so many spans is left alone after it was looked at. Looking at it anew reads all of it, so that a
 * trace that grows by many batches would cost the square of its size; so it costs a share of the time, whatever comes.
 */
export function pauseMs(spans: number): number {
  const pause = spans * PAUSE_MS_PER_SPAN
  return pause < PAUSE_MS_MIN ? 0 : Math.min(pause, PAUSE_MS_MAX)
}
