import { Counter, Gauge, type Registry } from 'prom-client'

/** Counters of the receiver by name. Each is moved once per batch, never per span. */
const COUNTERS = {
  batches: ['aforo_receiver_batches_total', 'Export requests read', ['encoding']],
  bytes: ['aforo_receiver_bytes_total', 'Bytes of export requests after decompression', ['encoding']],
  refused: ['aforo_receiver_refused_total', 'Export requests answered with a fault', ['code']],
  received: ['aforo_receiver_spans_received_total', 'Spans in export requests', []],
  rejected: [
    'aforo_receiver_spans_rejected_total',
    'Spans left out for good: no usable ids, or unreadable',
    [],
  ],
  journalled: ['aforo_journal_rows_total', 'Rows new to the usage journal', []],
  duplicates: ['aforo_journal_duplicates_total', 'Rows the usage journal had already', []],
  commits: ['aforo_journal_commits_total', 'Transactions of the usage journal', ['outcome']],
  queueFull: ['aforo_journal_queue_full_total', 'Appends refused because the journal queue was full', []],
  cut: ['aforo_cut_revisions_total', 'Event revisions cut', ['reason']],
  unchanged: ['aforo_cut_unchanged_total', 'Traces looked at again that had not changed', []],
  postponed: ['aforo_cut_postponed_total', 'Traces whose cut failed and was put off', []],
} as const satisfies Record<string, readonly [string, string, readonly string[]]>

const GAUGES = {
  queued: ['aforo_journal_queued_rows', 'Rows that wait for the usage journal'],
  bytesInFlight: ['aforo_receiver_in_flight_bytes', 'Bytes of request bodies held now'],
} as const satisfies Record<string, readonly [string, string]>

export type ReceiverMetrics = Readonly<
  Record<keyof typeof COUNTERS, Counter> & Record<keyof typeof GAUGES, Gauge>
>

/** Makes the receiver's metrics in a registry. */
export function createReceiverMetrics(registry: Registry): ReceiverMetrics {
  const registers = [registry]
  const counters = Object.entries(COUNTERS).map(([field, [name, help, labelNames]]) => [
    field,
    new Counter({ name, help, labelNames, registers }),
  ])
  const gauges = Object.entries(GAUGES).map(([field, [name, help]]) => [
    field,
    new Gauge({ name, help, registers }),
  ])
  return Object.fromEntries([...counters, ...gauges]) as ReceiverMetrics
}
