import type { SpanId, TraceId } from '../../core/ids.ts'
import { type AttributeValue, SPAN_KINDS, type Span, type SpanKind } from '../../core/span.ts'
import type { UnixNano } from '../../core/time.ts'
import type { AttributeRuns } from './attribute-runs.ts'
import { FAILED, FAILURE_STATUS_SHIFT, type RejectedSpan, ROW, type SpanColumns } from './columns.ts'
import type { KeyTable } from './keys.ts'

/** The spans of one export request that can be taken, in the order they came. */
export class SpanBatch {
  readonly length: number
  /** Spans left out for their ids, in the order they came. */
  readonly rejected: readonly RejectedSpan[]
  readonly #view: SpanView

  constructor(columns: SpanColumns) {
    this.length = columns.count
    this.rejected = columns.rejected
    this.#view = new SpanView(columns)
  }

  /** The i-th span. It is one object for the whole batch: asking for another span changes what it shows. */
  span(i: number): Span {
    if (!(i >= 0 && i < this.length)) throw new RangeError(`span ${i} of ${this.length}`)
    this.#view.show(i)
    return this.#view
  }
}

class SpanView implements Span {
  readonly #columns: SpanColumns
  readonly #rows: DataView
  readonly #hex: Buffer
  readonly #attributes: RunIndex
  readonly #resource: RunIndex
  #index = 0
  #row = 0
  #scope = 0
  #shownResource = -1

  constructor(columns: SpanColumns) {
    this.#columns = columns
    this.#rows = columns.rows
    this.#hex = Buffer.from(columns.rows.buffer)
    this.#attributes = new RunIndex(columns.attributes, columns.keys)
    this.#resource = new RunIndex(columns.resourceAttributes, columns.keys)
  }

  show(index: number): void {
    const rows = this.#rows
    const row = index * ROW.bytes
    this.#index = index
    this.#row = row
    this.#scope = rows.getInt32(row + ROW.scope, true)
    this.#attributes.show(
      rows.getInt32(row + ROW.attributesFrom, true),
      rows.getInt32(row + ROW.attributesTo, true),
    )
    const resource = this.#columns.scopeResources[this.#scope]!
    if (resource === this.#shownResource) return
    const { resourcesFrom, resourceAttributes } = this.#columns
    this.#shownResource = resource
    this.#resource.show(resourcesFrom[resource]!, resourcesFrom[resource + 1] ?? resourceAttributes.count)
  }

  get traceId(): TraceId {
    return this.#hex.toString('hex', this.#row + ROW.traceId, this.#row + ROW.spanId)
  }

  get spanId(): SpanId {
    return this.#hex.toString('hex', this.#row + ROW.spanId, this.#row + ROW.parentSpanId)
  }

  get parentSpanId(): SpanId {
    const at = this.#row + ROW.parentSpanId
    if (this.#rows.getInt32(at, true) === 0 && this.#rows.getInt32(at + 4, true) === 0) return ''
    return this.#hex.toString('hex', at, this.#row + ROW.start)
  }

  get name(): string {
    return this.#columns.names[this.#index]!
  }

  get kind(): SpanKind {
    return SPAN_KINDS[this.#rows.getInt32(this.#row + ROW.shape, true) & (FAILED - 1)] ?? 'unspecified'
  }

  get failed(): boolean {
    return (this.#rows.getInt32(this.#row + ROW.shape, true) & FAILED) !== 0
  }

  get failureStatus(): number | null {
    const status = this.#rows.getInt32(this.#row + ROW.shape, true) >>> FAILURE_STATUS_SHIFT
    return status === 0 ? null : status
  }

  get startNano(): UnixNano {
    return this.#rows.getBigUint64(this.#row + ROW.start, true)
  }

  get endNano(): UnixNano {
    return this.#rows.getBigUint64(this.#row + ROW.end, true)
  }

  get scopeName(): string {
    return this.#columns.scopeNames[this.#scope]!
  }

  get scopeVersion(): string {
    return this.#columns.scopeVersions[this.#scope]!
  }

  attribute(key: string): AttributeValue | undefined {
    return this.#attributes.value(key)
  }

  nextOf(keys: readonly string[], from: number): number {
    return this.#attributes.nextOf(keys, from)
  }

  resource(key: string): AttributeValue | undefined {
    return this.#resource.value(key)
  }
}

/** Finds values of the run that is shown by key, without a search: each key has a place to write its position in. */
class RunIndex {
  readonly #runs: AttributeRuns
  readonly #keys: KeyTable
  readonly #positions: Int32Array
  #from = 0
  #to = 0

  constructor(runs: AttributeRuns, keys: KeyTable) {
    this.#runs = runs
    this.#keys = keys
    this.#positions = new Int32Array(keys.kept.length)
  }

  /** Positions of a run shown earlier need no clearing: they lie outside of this one, or name another key. */
  show(from: number, to: number): void {
    this.#from = from
    this.#to = to
    for (let position = from; position < to; position++)
      this.#positions[this.#runs.keyAt(position)] = position
  }

  value(key: string): AttributeValue | undefined {
    const position = this.#positionOf(this.#keys.indexOf(key))
    return position === -1 ? undefined : this.#runs.valueAt(position)
  }

  /** Place of the first of these keys, at `from` or behind it, that is in the run; -1 where none is. */
  nextOf(keys: readonly string[], from: number): number {
    const indexes = this.#keys.indexesOf(keys)
    for (let at = from; at < indexes.length; at++) if (this.#positionOf(indexes[at]!) !== -1) return at
    return -1
  }

  #positionOf(index: number): number {
    if (index < 0 || index >= this.#positions.length) return -1
    const position = this.#positions[index]!
    return position >= this.#from && position < this.#to && this.#runs.keyAt(position) === index
      ? position
      : -1
  }
}
