import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { copyInto } from '../../schema/copy.ts'
import { transaction } from '../../schema/pool.ts'
import type { CutSettings } from '../cut/settings.ts'
import { encodeRows, type JournalRow } from './rows.ts'
import { APPEND_STAGED, CREATE_STAGE, STAGE } from './sql.ts'

/** A deadlock or a serialization failure is nobody's fault: the same rows are tried again this often. */
const ATTEMPTS_MAX = 4
const COLLISIONS: ReadonlySet<unknown> = new Set(['40P01', '40001'])

/** Classes of SQLSTATE that the contents of rows bring about: data exceptions, constraints, limits of the program. */
const OF_THE_ROWS: ReadonlySet<string> = new Set(['22', '23', '54'])

/** Writes groups of rows, each in one transaction. */
export interface Committer {
  /**
   * Resolves with the number of rows that were new once all are durable, journal and traces together.
   * @throws AforoError `unavailable` where the database is away, `internal` where it refuses the rows
   */
  commit(rows: JournalRow[]): Promise<number>
}

export function createCommitter(pool: pg.Pool, settings: CutSettings): Committer {
  const staged = new WeakSet<pg.PoolClient>()

  async function write(client: pg.PoolClient, stream: Buffer): Promise<number> {
    if (!staged.has(client)) await client.query(CREATE_STAGE)
    await copyInto(client, STAGE, stream)
    const { quietMs, idleMs, maxAgeMs, spansMax } = settings
    const { rows } = await client.query<{ added: number }>({
      name: 'journal_append',
      text: APPEND_STAGED,
      values: [quietMs, idleMs, maxAgeMs, spansMax],
    })
    return rows[0]!.added
  }

  return {
    async commit(rows) {
      const stream = encodeRows(rows)
      for (let attempt = 1; ; attempt++) {
        try {
          let used: pg.PoolClient | undefined
          const added = await transaction(pool, (client) => {
            used = client
            return write(client, stream)
          })
          // Only a commit keeps the temporary table; one made in a transaction that was rolled back is gone.
          if (used) staged.add(used)
          return added
        } catch (error) {
          if (attempt === ATTEMPTS_MAX || !isCollision(error)) throw judged(error)
        }
      }
    },
  }
}

function isCollision(error: unknown): boolean {
  return COLLISIONS.has(codeOf(error))
}

/**
 * Only what the rows themselves bring about is permanent. A database that lacks a table or a right is our fault, not
 * the sender's: it sends again until somebody has seen to it, as an exporter drops what is refused for good.
 */
function judged(error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined || OF_THE_ROWS.has(code.slice(0, 2))) return error
  return new AforoError('unavailable', 'the journal cannot be written now', { cause: error })
}

/** SQLSTATE of the database's own error beneath ours. */
function codeOf(error: unknown): string | undefined {
  const cause = (error as Error).cause
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
}
