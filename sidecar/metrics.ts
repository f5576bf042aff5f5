import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What the check tells of itself. */
export interface CheckMetrics {
  decided(verdict: string, reason: string): void
  held(outcome: string): void
  readonly over: Counter<'unit'>
  readonly exchanges: Counter<'outcome'>
  readonly reads: Counter<'outcome'>
  readonly takes: Counter<'outcome'>
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
  const decided = new Tally()
  new Counter({
    name: 'aforo_check_decisions_total',
    help: 'Checks answered.',
    labelNames: ['decision', 'reason'],
    registers,
    collect() {
      decided.moveTo((decision, reason, count) => this.inc({ decision, reason }, count))
    },
  })
  const held = new Tally()
  new Counter({
    name: 'aforo_check_holds_total',
    help: 'Holds taken, settled, released and ended late.',
    labelNames: ['outcome'],
    registers,
    collect() {
      held.moveTo((outcome, _, count) => this.inc({ outcome }, count))
    },
  })
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers })
  return {
    decided: (decision, reason) => decided.add(decision, reason),
    held: (outcome) => held.add(outcome, ''),
    over: counter(
      'aforo_check_over_hold_total',
      'Settlements above what was held; budget_hold_takes.over has by how much.',
      ['unit'],
    ),
    exchanges: counter('aforo_check_exchanges_total', 'Messages to the centre.', ['outcome']),
    reads: counter('aforo_check_reads_total', 'Spenders asked for at the centre.', ['outcome']),
    takes: counter('aforo_check_takes_total', 'First holds of sessions, that the centre is asked to take.', [
      'outcome',
    ]),
    watchers: new Gauge({ name: 'aforo_check_watchers', help: 'Open watches.', registers }),
    watchDropped: counter('aforo_check_watchers_dropped_total', 'DecisionStreams ended by us.', ['reason']),
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

/** A check moves a number here; Prometheus' counters, which cost as much as a decision, are moved when somebody looks. */
class Tally {
  // No name is made of two: to hash a new text costs more than to look for two that are known.
  readonly #counts = new Map<string, Map<string, { count: number }>>()

  add(name: string, part: string): void {
    let parts = this.#counts.get(name)
    if (!parts) {
      parts = new Map()
      this.#counts.set(name, parts)
    }
    const one = parts.get(part)
    if (one) one.count += 1
    else parts.set(part, { count: 1 })
  }

  /** Tells what was added since it was asked last. */
  moveTo(inc: (name: string, part: string, count: number) => void): void {
    for (const [name, parts] of this.#counts) {
      for (const [part, one] of parts) {
        inc(name, part, one.count)
        one.count = 0
      }
    }
  }
}
