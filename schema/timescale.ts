import type pg from 'pg'
import { AforoError } from '../core/errors.ts'

export type TimescaleMode = 'auto' | 'on' | 'off'

/** What the server offers. All of it can be asked by a login that is no superuser. */
interface Offer {
  readonly installed: boolean
  readonly available: boolean
  /** Creating the extension on a server that does not preload it is FATAL and ends the connection. */
  readonly preloaded: boolean
}

/**
 * Whether this database is one with TimescaleDB, and makes it one on the first run if it is to be. The choice is
 * stored: data lies in hypertables or does not.
 * @throws AforoError `unavailable` when `on` cannot be had, `conflict` when the stored choice is another
 */
export async function settleTimescale(client: pg.ClientBase, mode: TimescaleMode): Promise<boolean> {
  const stored = await readKind(client)
  const offer = await readOffer(client)
  if (stored !== undefined) return keepKind(stored, mode, offer)
  const wanted =
    mode === 'on' || (mode === 'auto' && (offer.installed || (offer.available && offer.preloaded)))
  if (wanted && !offer.installed) await install(client, offer)
  if (!wanted && offer.installed) {
    throw new AforoError(
      'conflict',
      'AFORO_TIMESCALE=off, but this database has the extension timescaledb: use AFORO_TIMESCALE=auto, or a database without it',
    )
  }
  const kind = wanted ? 'timescale' : 'plain'
  await client.query("insert into aforo_store.meta (key, value) values ('storage', $1)", [kind])
  return wanted
}

function keepKind(stored: string, mode: TimescaleMode, offer: Offer): boolean {
  if (stored === 'timescale' && !offer.installed) {
    throw new AforoError(
      'conflict',
      'this database was set up with TimescaleDB, which is not installed in it any more',
    )
  }
  if ((mode === 'on' && stored === 'plain') || (mode === 'off' && stored === 'timescale')) {
    throw new AforoError(
      'conflict',
      `AFORO_TIMESCALE=${mode}, but this database was set up ${stored === 'plain' ? 'without' : 'with'} TimescaleDB; ` +
        'move the data to a new database to change that',
    )
  }
  return stored === 'timescale'
}

async function install(client: pg.ClientBase, offer: Offer): Promise<void> {
  if (!offer.available || !offer.preloaded) {
    throw new AforoError(
      'unavailable',
      `AFORO_TIMESCALE=on, but this server ${offer.available ? 'does not preload TimescaleDB (shared_preload_libraries)' : 'has no TimescaleDB'}`,
    )
  }
  try {
    await client.query('create extension if not exists timescaledb')
  } catch (cause) {
    throw new AforoError('unavailable', 'the extension timescaledb cannot be created by this login', {
      cause,
    })
  }
}

async function readKind(client: pg.ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ value: string }>(
    "select value from aforo_store.meta where key = 'storage'",
  )
  return rows[0]?.value
}

async function readOffer(client: pg.ClientBase): Promise<Offer> {
  const { rows } = await client.query<Offer>(`
    select
      exists (select from pg_extension where extname = 'timescaledb') as installed,
      exists (select from pg_available_extensions where name = 'timescaledb') as available,
      exists (select from pg_settings where name = 'timescaledb.max_background_workers') as preloaded`)
  return rows[0] ?? { installed: false, available: false, preloaded: false }
}
