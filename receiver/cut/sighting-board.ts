import { isDeepStrictEqual } from 'node:util'
import { type CallGroup, callGroups } from '../mirrors/groups.ts'
import { placeUnits, type Unit } from '../mirrors/places.ts'
import { nameOf, type Sighting } from '../mirrors/sighting.ts'
import { nameOfRow, rowName, type SightingId, type SightingRow } from './sighting-rows.ts'

/** What is to be written once it is decided who has which call. */
export interface Decision {
  /** Of the traces that are cut. */
  readonly own: readonly SightingRow[]
  /** The call of each of them. */
  readonly groupOf: ReadonlyMap<string, CallGroup>
  /** Of other traces, whose row says otherwise now. */
  readonly others: readonly SightingRow[]
  /** Names of rows of other traces that have a call of which something else is known now. */
  readonly owners: ReadonlySet<string>
}

/** The sightings one transaction decides about: those of the traces it cuts, and all that may be of the same calls. */
export class SightingBoard {
  readonly #own = new Map<string, SightingRow>()
  /** Of the traces that are cut, as the table has them. */
  readonly #before = new Map<string, SightingRow>()
  readonly #others = new Map<string, SightingRow>()
  readonly #ownTraces = new Set<string>()

  addTrace(tenantId: string, traceId: string): void {
    this.#ownTraces.add(rowName(tenantId, traceId))
  }

  addOwn(row: SightingRow): void {
    this.#own.set(nameOfRow(row), row)
  }

  /** Takes rows of the table, and returns those that were not here yet. A row that is here stays as it is. */
  addStored(rows: readonly SightingRow[]): SightingRow[] {
    return rows.filter((row) => {
      const known = this.#isOwn(row.tenantId, row.sighting.traceId) ? this.#before : this.#others
      const name = nameOfRow(row)
      if (known.has(name)) return false
      known.set(name, row)
      return true
    })
  }

  /** Forgets what was read of the table. */
  clearStored(): void {
    this.#before.clear()
    this.#others.clear()
  }

  has(name: string): boolean {
    return this.#own.has(name) || this.#before.has(name) || this.#others.has(name)
  }

  get own(): readonly SightingRow[] {
    return [...this.#own.values()]
  }

  get before(): readonly SightingRow[] {
    return [...this.#before.values()]
  }

  get others(): readonly SightingRow[] {
    return [...this.#others.values()]
  }

  #isOwn(tenantId: string, traceId: string): boolean {
    return this.#ownTraces.has(rowName(tenantId, traceId))
  }

  /** Pairs anew what was made in the places that `isCompared` accepts. Rows whose partner is not here stay as they are. */
  pair(isCompared: (row: SightingRow) => boolean): void {
    const here = [...this.#own.values(), ...this.#others.values()]
    const compared = here.filter((row) => isCompared(row) && this.#hasPartners(row))
    for (const rows of Map.groupBy(compared, placeOfRow).values()) {
      const rowOf = new Map(rows.map((row) => [row.sighting, row]))
      for (const unit of placeUnits(rows.map((row) => row.sighting))) {
        for (const sighting of unit) {
          const others = unit.filter((other) => other !== sighting)
          this.#replace({ ...rowOf.get(sighting)!, members: others.map(nameOf).sort() })
        }
      }
    }
  }

  #hasPartners(row: SightingRow): boolean {
    return row.members.every((member) => {
      const name = rowName(row.tenantId, member)
      return this.has(name) || this.#isOwn(row.tenantId, member.slice(0, member.indexOf('/')))
    })
  }

  #replace(row: SightingRow): void {
    const name = nameOfRow(row)
    if (this.#own.has(name)) this.#own.set(name, row)
    else this.#others.set(name, row)
  }

  /**
   * Decides who has which call. A row of another trace whose owner is not here stays as it is.
   * @param rows of other traces as the table has them now, to tell what changes
   */
  decide(rows: readonly SightingRow[]): Decision {
    const stored = new Map(rows.map((row) => [nameOfRow(row), row]))
    for (const name of this.#others.keys()) {
      const row = stored.get(name)
      if (row === undefined || !this.has(ownerName(row))) this.#others.delete(name)
    }
    const groupOf = new Map<string, CallGroup>()
    const own: SightingRow[] = []
    const others: SightingRow[] = []
    const touched = new Set<string>()
    for (const rows of Map.groupBy([...this.#own.values(), ...this.#others.values()], tenantOf).values()) {
      const rowOf = new Map(rows.map((row) => [row.sighting, row]))
      for (const group of callGroups(unitsOf(rows))) {
        for (const sighting of group.sightings) {
          const row = decided(rowOf.get(sighting)!, group)
          const name = nameOfRow(row)
          const isOwn = this.#own.has(name)
          const before = isOwn ? this.#before.get(name) : stored.get(name)
          if (isOwn) {
            own.push(row)
            groupOf.set(name, group)
          } else if (isOther(row, before!)) {
            others.push(row)
          }
          if (before !== undefined && isSameTold(row, before)) continue
          touched.add(ownerName(row))
          if (before !== undefined) touched.add(ownerName(before))
        }
      }
    }
    for (const [name, row] of this.#before) if (!this.#own.has(name)) touched.add(ownerName(row))
    return { own, groupOf, others, owners: new Set([...touched].filter((name) => !this.#own.has(name))) }
  }
}

function unitsOf(rows: readonly SightingRow[]): readonly Unit[] {
  const byName = new Map(rows.map((row) => [nameOf(row.sighting), row]))
  const done = new Set<SightingRow>()
  return rows.flatMap((row): Sighting[][] => {
    if (done.has(row)) return []
    const members = row.members.flatMap((name) => byName.get(name) ?? [])
    const unit = [row, ...members.filter((member) => !done.has(member))]
    for (const member of unit) done.add(member)
    return [unit.map(({ sighting }) => sighting)]
  })
}

function decided(row: SightingRow, { owner, replay }: CallGroup): SightingRow {
  return { ...row, owner: idOf(owner), replay }
}

function idOf({ traceId, call }: Sighting): SightingId {
  return { traceId, spanId: call.spanId }
}

function ownerName({ tenantId, owner }: SightingRow): string {
  return rowName(tenantId, `${owner.traceId}/${owner.spanId}`)
}

function isOther(a: SightingRow, b: SightingRow): boolean {
  return !isSameOwner(a, b) || a.replay !== b.replay || a.members.join() !== b.members.join()
}

/** Whether the owner of the call would say the same of it. */
function isSameTold(a: SightingRow, b: SightingRow): boolean {
  return isSameOwner(a, b) && a.replay === b.replay && isDeepStrictEqual(a.sighting, b.sighting)
}

function isSameOwner(a: SightingRow, b: SightingRow): boolean {
  return a.owner.traceId === b.owner.traceId && a.owner.spanId === b.owner.spanId
}

function tenantOf(row: SightingRow): string {
  return row.tenantId
}

function placeOfRow(row: SightingRow): string {
  return rowName(row.tenantId, row.place ?? '')
}
