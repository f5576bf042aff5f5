import { AforoError } from '../core/errors.ts'

/** A billing period: milliseconds since 1970, start included, end excluded. */
export interface Period {
  readonly start: number
  readonly end: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/**
 * The period an instant falls in: from the anchor day of a month, at the first instant of that local day, to the
 * anchor day of the next month. In a month that has no such day its last one stands in; the anchor itself stays, so
 * January 31 is followed by February 28 and March 31.
 *
 * @param instant milliseconds since 1970
 * @param timezone an IANA name
 * @param anchorDay 1 to 31
 * @throws AforoError `invalid_argument` for a time zone that is none
 */
export function periodOf(instant: number, timezone: string, anchorDay: number): Period {
  const zone = zoneOf(timezone)
  const last = zone.lastPeriods[anchorDay]
  if (last && instant >= last.start && instant < last.end) return last
  const { year, month } = zone.localDate(instant)
  const start = startOfPeriod(zone, year, month, anchorDay)
  const period =
    instant >= start
      ? { start, end: startOfPeriod(zone, year, month + 1, anchorDay) }
      : { start: startOfPeriod(zone, year, month - 1, anchorDay), end: start }
  zone.lastPeriods[anchorDay] = period
  return period
}

/** The local calendar day of an instant, counted from 1970-01-01. A day of 23 or 25 hours is a day. */
export function dayOf(instant: number, timezone: string): number {
  const { year, month, day } = zoneOf(timezone).localDate(instant)
  return Date.UTC(year, month - 1, day) / DAY_MS
}

interface LocalDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
}

interface Zone {
  localDate(instant: number): LocalDate
  /** First instants of local days that were asked for, by `Date.UTC` of the day. */
  readonly dayStarts: Map<number, number>
  /** The period that was asked for last, by its anchor day: mostly it is asked for again. */
  readonly lastPeriods: (Period | undefined)[]
}

function startOfPeriod(zone: Zone, year: number, month: number, anchorDay: number): number {
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate()
  return startOfDay(zone, Date.UTC(year, month - 1, Math.min(anchorDay, lastDay)))
}

const DAY_STARTS_MAX = 1_000

/**
 * The first instant whose local date is the day (or later, where a zone skipped it). Midnight itself may not exist,
 * where clocks go forward at midnight; so the instant is searched for, not computed from an offset.
 */
function startOfDay(zone: Zone, day: number): number {
  const known = zone.dayStarts.get(day)
  if (known !== undefined) return known
  let before = day - 30 * HOUR_MS
  let from = day + 30 * HOUR_MS
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2)
    const date = zone.localDate(middle)
    if (Date.UTC(date.year, date.month - 1, date.day) >= day) from = middle
    else before = middle
  }
  if (zone.dayStarts.size >= DAY_STARTS_MAX) zone.dayStarts.clear()
  zone.dayStarts.set(day, from)
  return from
}

const zones = new Map<string, Zone>()
const ZONES_MAX = 700

function zoneOf(timezone: string): Zone {
  let zone = zones.get(timezone)
  if (!zone) {
    if (zones.size >= ZONES_MAX) zones.clear()
    zone = createZone(timezone)
    zones.set(timezone, zone)
  }
  return zone
}

function createZone(timezone: string): Zone {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
      timeZone: timezone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    })
  } catch (error) {
    throw new AforoError('invalid_argument', `"${timezone}" is not a time zone`, { cause: error })
  }
  return {
    dayStarts: new Map(),
    lastPeriods: [],
    localDate(instant) {
      const parts = new Map(format.formatToParts(instant).map((part) => [part.type, Number(part.value)]))
      return { year: parts.get('year')!, month: parts.get('month')!, day: parts.get('day')! }
    },
  }
}
