import type { PriceSchedule } from '../../core/price.ts'

/** Whether an instant (microseconds since 1970) is within the hours of a schedule. */
export function isWithin(schedule: PriceSchedule, atMicros: number): boolean {
  const { weekday, minute } = wallClock(schedule.tz, Math.floor(atMicros / 1000))
  const from = minuteOf(schedule.from)
  const to = minuteOf(schedule.to)
  if (from < to) return from <= minute && minute < to && schedule.weekdays.includes(weekday)
  if (minute >= from) return schedule.weekdays.includes(weekday)
  return minute < to && schedule.weekdays.includes(weekday === 1 ? 7 : weekday - 1)
}

/** When the hours of a schedule next begin and end, within a day; microseconds since 1970. */
export function nextTurns(schedule: PriceSchedule, atMicros: number): readonly number[] {
  const { minute } = wallClock(schedule.tz, Math.floor(atMicros / 1000))
  const thisMinute = Math.floor(atMicros / MINUTE_MICROS) * MINUTE_MICROS
  return [schedule.from, schedule.to].map((clock) => {
    const minutes = (minuteOf(clock) - minute + MINUTES_OF_DAY) % MINUTES_OF_DAY
    return thisMinute + minutes * MINUTE_MICROS
  })
}

const MINUTE_MICROS = 60_000_000
const MINUTES_OF_DAY = 1440

const WEEKDAYS: Readonly<Record<string, number>> = { Mon: 1, Tue: 2, Wed: 3, Thu: 4, Fri: 5, Sat: 6, Sun: 7 }

/** Formats are dear to make; there are as many as time zones in the book. */
const formats = new Map<string, Intl.DateTimeFormat>()

function wallClock(tz: string, atMillis: number): { readonly weekday: number; readonly minute: number } {
  let format = formats.get(tz)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: tz,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(tz, format)
  }
  const parts = new Map(format.formatToParts(atMillis).map(({ type, value }) => [type, value]))
  return {
    weekday: WEEKDAYS[parts.get('weekday')!]!,
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
}

function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5))
}
