import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What the check tells of itself. */
export interface CheckMetrics {
  decided(verdict: string, reason: string): void
  readonly holds: Counter<'outcome'>
  readonly over: Counter<'unit'>
  readonly exchanges: Counter<'outcome'>
  readonly reads: Counter<'outcome'>
  readonly watchers: Gauge
  readonly watchDropped: Counter<'reason'>
  readonly frameConnections: Gauge
  readonly framesDropped: Counter<'reason'>
  readonly refused: Counter<'code'>
  readonly untold: Gauge
  readonly remembered: Gauge<'what'>
  readonly exchangeSeconds: Histogram
}

/** Makes the metrics of the check in a registry. */
export function createCheckMetrics(registry: Registry): CheckMetrics {
  const registers = [registry]
  // A check moves a number; Prometheus' counters are moved when somebody looks.
  const decided = new Map<string, Map<string, { count: number }>>()
  new Counter({
    name: 'aforo_check_decisions_total',
    help: 'Checks answered.',
    labelNames: ['decision', 'reason'],
    registers,
    collect() {
      for (const [decision, reasons] of decided) {
        for (const [reason, one] of reasons) {
          this.inc({ decision, reason }, one.count)
          one.count = 0
        }
      }
    },
  })
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers })
  return {
    decided(decision, reason) {
      // No name is made of the two: to hash a new text costs more than to look for two that are known.
      let reasons = decided.get(decision)
      if (!reasons) {
        reasons = new Map()
        decided.set(decision, reasons)
      }
      const one = reasons.get(reason)
      if (one) one.count += 1
      else reasons.set(reason, { count: 1 })
    },
    holds: counter('aforo_check_holds_total', 'Holds taken, settled, released and ended late.', ['outcome']),
    over: counter(
      'aforo_check_over_hold_total',
      'Settlements above what was held; budget_hold_takes.over has by how much.',
      ['unit'],
    ),
    exchanges: counter('aforo_check_exchanges_total', 'Messages to the centre.', ['outcome']),
    reads: counter('aforo_check_reads_total', 'Spenders asked for at the centre.', ['outcome']),
    watchers: new Gauge({ name: 'aforo_check_watchers', help: 'Open watches.', registers }),
    watchDropped: counter('aforo_check_watchers_dropped_total', 'Watches ended by us.', ['reason']),
    frameConnections: new Gauge({
      name: 'aforo_check_frame_connections',
      help: 'Open connections of frames.',
      registers,
    }),
    framesDropped: counter('aforo_check_frames_dropped_total', 'Connections of frames ended by us.', [
      'reason',
    ]),
    refused: counter('aforo_check_refused_total', 'Requests answered with a fault.', ['code']),
    untold: new Gauge({
      name: 'aforo_check_untold_holds',
      help: 'Holds and ends that the centre has not heard of.',
      registers,
    }),
    remembered: new Gauge({
      name: 'aforo_check_remembered',
      help: 'What is held in memory: spenders, counters, rate cards, decisions by key.',
      labelNames: ['what'],
      registers,
    }),
    exchangeSeconds: new Histogram({
      name: 'aforo_check_exchange_seconds',
      help: 'Time until the centre has answered a message.',
      buckets: [0.002, 0.005, 0.02, 0.1, 0.5, 2],
      registers,
    }),
  }
}
