import { Counter, type Registry } from 'prom-client'

/** Counters of the rating: a row each, counted per batch. */
const COUNTERS = [
  ['rated', 'aforo_rating_revisions_total', 'Event revisions costed and priced.'],
  [
    'postponed',
    'aforo_rating_postponed_total',
    'Revisions that failed by themselves and wait for another try.',
  ],
  [
    'gaveWay',
    'aforo_rating_gave_way_total',
    'Batches that gave way to another transaction and were tried again.',
  ],
  ['unpriced', 'aforo_rating_unpriced_total', 'Revisions rated with some cost unknown.'],
  ['unattributed', 'aforo_rating_unattributed_total', 'Revisions rated with nobody to charge.'],
] as const

export type RatingMetrics = Readonly<Record<(typeof COUNTERS)[number][0], (count: number) => void>>

export function createRatingMetrics(registry: Registry | undefined): RatingMetrics {
  const entries = COUNTERS.map(([name, metric, help]) => {
    if (!registry) return [name, () => {}] as const
    const counter = new Counter({ name: metric, help, registers: [registry] })
    return [name, (count: number) => counter.inc(count)] as const
  })
  return Object.fromEntries(entries) as unknown as RatingMetrics
}
