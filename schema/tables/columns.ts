import { customType, pgSchema, timestamp } from 'drizzle-orm/pg-core'

/** The schema of the tables. Only Aforo touches it; people read the views of schema `aforo`. */
export const store = pgSchema('aforo_store')

/** Raw bytes: trace and span ids. */
export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** PostgreSQL's type of role names. */
export const loginName = customType<{ data: string; driverData: string }>({ dataType: () => 'name' })

/** `timestamptz` as the database's text, so that microseconds survive. */
export const instant = (name = '') => timestamp(name, { withTimezone: true, mode: 'string' })
