import { hash } from 'node:crypto'
import type pg from 'pg'
import {
  type CallDocument,
  callFromDocument,
  callToDocument,
  type ToolDocument,
  toolFromDocument,
  toolToDocument,
} from '../../core/assembly-document.ts'
import type { SpanId, TenantId, TraceId } from '../../core/ids.ts'
import { copyInto } from '../../schema/copy.ts'
import { CopyWriter } from '../../schema/copy-writer.ts'
import { nameOf, placeOf, type Sighting, standIn, type ToolWords, tokensOf } from '../mirrors/sighting.ts'

/** A sighting as its row has it. */
export interface SightingRow {
  readonly tenantId: TenantId
  readonly sighting: Sighting
  /** What it may be compared by; null where ids alone count. */
  readonly place: string | null
  /** Names of the others of its unit. */
  readonly members: readonly string[]
  readonly owner: SightingId
  readonly replay: boolean
}

export interface SightingId {
  readonly traceId: TraceId
  readonly spanId: SpanId
}

/** Names a sighting in the table. */
export function rowName(tenantId: TenantId, name: string): string {
  return `${tenantId}\0${name}`
}

export function nameOfRow({ tenantId, sighting }: SightingRow): string {
  return rowName(tenantId, nameOf(sighting))
}

/** The place of a sighting as the table has it: a hash, as names of services know no bounds. */
export function placeKey(sighting: Sighting): string | null {
  const place = placeOf(sighting)
  return place === null ? null : shortHash(place)
}

export function shortHash(text: string): string {
  return hash('sha256', text).slice(0, 32)
}

export const ROW_COLUMNS = `s.tenant_id, s.sighting, s.place, s.members, encode(s.trace_id, 'hex') as trace_id,
  encode(s.owner_trace_id, 'hex') as owner_trace_id, encode(s.owner_span_id, 'hex') as owner_span_id, s.replay`

export function rowOf(row: Readonly<Record<string, unknown>>): SightingRow {
  const { call, tool, ...rest } = row.sighting as SightingDocument
  return {
    tenantId: row.tenant_id as string,
    sighting: { traceId: row.trace_id as string, ...seenFromDocument({ call, tool }), ...rest },
    place: row.place as string | null,
    members: row.members as string[],
    owner: { traceId: row.owner_trace_id as string, spanId: row.owner_span_id as string },
    replay: row.replay as boolean,
  }
}

/** Either a call, or a tool: what stands in for that is made anew. */
interface SeenDocument {
  readonly call?: CallDocument | undefined
  readonly tool?: (ToolDocument & ToolWords) | undefined
}

type SightingDocument = Omit<Sighting, 'call' | 'tool' | 'traceId'> & SeenDocument

function seenFromDocument({ call, tool }: SeenDocument): Pick<Sighting, 'call' | 'tool'> {
  if (tool === undefined) return { call: callFromDocument(call!), tool: null }
  const { isNamed, badTime, ...document } = tool
  const execution = toolFromDocument(document)
  return { call: standIn(execution, { isNamed, badTime }), tool: execution }
}

/** What decides, without the trace, which has a column of its own. */
export function documentOf({ traceId: _, call, tool, ...rest }: Sighting): string {
  const seen: SeenDocument =
    tool === null
      ? { call: callToDocument(call) }
      : { tool: { ...toolToDocument(tool), isNamed: call.model !== null, badTime: call.badTime } }
  const document: SightingDocument = { ...seen, ...rest }
  return JSON.stringify(document)
}

/** Writes the sightings of the traces that are cut, which have none: their events will say what these rows say. */
export async function writeOwnRows(client: pg.PoolClient, rows: readonly SightingRow[]): Promise<void> {
  if (rows.length === 0) return
  const writer = new CopyWriter(rows.length * BYTES_PER_ROW)
  for (const row of rows) {
    writer.row(COLUMNS.length)
    for (const column of COLUMNS) column.write(writer, row)
  }
  const names = COLUMNS.map((column) => column.name).join(', ')
  await copyInto(client, `aforo_store.call_sightings (${names})`, writer.finish())
}

const BYTES_PER_ROW = 1_500

interface Column {
  readonly name: string
  readonly write: (to: CopyWriter, row: SightingRow) => void
}

const COLUMNS: readonly Column[] = [
  { name: 'tenant_id', write: (to, row) => to.text(row.tenantId) },
  { name: 'trace_id', write: (to, row) => to.hex(row.sighting.traceId) },
  { name: 'span_id', write: (to, row) => to.hex(row.sighting.call.spanId) },
  { name: 'place', write: (to, row) => to.text(row.place) },
  { name: 'tokens', write: (to, row) => to.text(tokensOf(row.sighting)) },
  { name: 'start_nano', write: (to, row) => to.unsigned(row.sighting.call.startNano) },
  { name: 'end_nano', write: (to, row) => to.unsigned(row.sighting.call.endNano) },
  { name: 'sighting', write: (to, row) => to.jsonText(documentOf(row.sighting)) },
  { name: 'members', write: (to, row) => to.texts(row.members) },
  { name: 'owner_trace_id', write: (to, row) => to.hex(row.owner.traceId) },
  { name: 'owner_span_id', write: (to, row) => to.hex(row.owner.spanId) },
  { name: 'replay', write: (to, row) => to.boolean(row.replay) },
  { name: 'told', write: (to) => to.boolean(true) },
]
