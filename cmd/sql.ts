import { Command, Option } from 'commander'
import type pg from 'pg'
import { EXPORT_TYPES, type ExportRow, headOf, linesOf } from '../api/exports/format.ts'
import type { ExportColumn } from '../api/exports/kinds.ts'
import { textTable } from '../api/text-table.ts'
import { AforoError } from '../core/errors.ts'
import { trimNumeric } from '../core/money.ts'
import { onConnection } from '../schema/pool.ts'
import { onDatabase } from './on-database.ts'

/** What is answered at most: more is an export's matter, or psql's. */
export const ROWS_MAX = 10_000

const FORMATS = ['table', ...Object.keys(EXPORT_TYPES)] as ('table' | keyof typeof EXPORT_TYPES)[]

/** `aforo sql "select …"`: asks the views, as the role that reads them and nothing else. */
export function sqlCommand(): Command {
  return new Command('sql')
    .description('ask the views of schema aforo; needs no psql, and can change nothing')
    .argument('<select>', 'one query')
    .addOption(new Option('--format <format>').choices(FORMATS).default('table'))
    .addOption(new Option('--as <login>', 'the role that asks: its tenant is seen').default('aforo_grafana'))
    .addHelpText('after', HELP)
    .action((select: string, options: { format: (typeof FORMATS)[number]; as: string }) =>
      onDatabase(1, async (pool) => {
        const { columns, rows } = await askAs(pool, options.as, select)
        process.stdout.write(
          options.format === 'table'
            ? textTable(columns.map(shown), rows)
            : headOf(options.format, columns) + linesOf(options.format, columns, rows),
        )
      }),
    )
}

const HELP = `
The views: billable_events, billable_event_lines, margin_by_model, margin_by_customer, vendor_costs, credit_ledger,
budget_status, alerts, invoices, invoice_lines, exceptions. docs/OPERATING.md lists their columns. A table cuts cells that
are long; --format csv and jsonl do not.
`

/** An answer: amounts as decimal text, times as PostgreSQL writes them. */
export interface Answer {
  readonly columns: readonly ExportColumn[]
  readonly rows: readonly ExportRow[]
}

/** PostgreSQL's int2, int4, int8, float4, float8, numeric. */
const NUMBERS = [21, 23, 20, 700, 701, 1700]

/**
 * Runs one query as another login in a transaction that cannot write.
 * @throws AforoError `invalid_argument` where it is no query, reads what the login may not read, or answers more than ROWS_MAX
 */
export function askAs(pool: pg.Pool, login: string, select: string): Promise<Answer> {
  return onConnection(pool, (client) => askOn(client, login, select), { isUsedUp: true })
}

async function askOn(client: pg.PoolClient, login: string, select: string): Promise<Answer> {
  try {
    await client.query('begin transaction read only')
    // Not `set role`: the views ask who logged in.
    await client.query(`set local session authorization ${client.escapeIdentifier(login)}`)
    // Declared, since that takes one query and nothing else.
    const declared = `declare answer no scroll cursor for ${select.trim().replace(/;$/, '')}`
    await client.query({ text: declared, queryMode: 'extended' } as pg.QueryConfig)
    const { fields, rows } = await client.query<ExportRow>({
      text: `fetch ${ROWS_MAX + 1} from answer`,
      types: { getTypeParser: () => (text: string | Buffer) => text },
    })
    if (rows.length > ROWS_MAX) throw new Error(`more than ${ROWS_MAX} rows: narrow it, or use aforo export`)
    return { columns: fields.map(column), rows }
  } catch (error) {
    throw new AforoError('invalid_argument', refusalText(error as pg.DatabaseError))
  }
}

const SYNTAX_ERROR = '42601'

/** With what PostgreSQL advises, or what we do where it may be that no query was asked. */
function refusalText({ message, hint, code }: pg.DatabaseError): string {
  const advice = hint ?? (code === SYNTAX_ERROR ? 'One query is asked: select …, or with … select ….' : '')
  return advice === '' ? message : `${message}. ${advice}`
}

function column({ name, dataTypeID }: pg.FieldDef): ExportColumn {
  return { name, type: NUMBERS.includes(dataTypeID) ? 'number' : 'text', value: name }
}

function shown({ name, type }: ExportColumn) {
  return {
    head: name,
    align: type === 'number' ? ('right' as const) : ('left' as const),
    text: (row: ExportRow) => cellText(type, String(row[name] ?? '')),
  }
}

/** A sum has as many zeros behind the point as its column; a number with an exponent has none to lose. */
export function cellText(type: ExportColumn['type'], text: string): string {
  return type === 'number' && !/e/i.test(text) ? trimNumeric(text) : text
}
