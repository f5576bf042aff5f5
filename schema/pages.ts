import type pg from 'pg'

let cursors = 0

/**
 * The rows of a query, `size` at a time: the server keeps its place, so memory does not grow with the result. Runs in
 * the transaction of the connection, which must outlast it.
 */
export async function* pagesOf<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  text: string,
  values: readonly unknown[],
  size: number,
): AsyncGenerator<readonly Row[], void, void> {
  const name = `pages_${++cursors}`
  await client.query(`declare ${name} no scroll cursor for ${text}`, [...values])
  for (;;) {
    const { rows } = await client.query<Row>(`fetch ${size} from ${name}`)
    if (rows.length > 0) yield rows
    if (rows.length < size) break
  }
  await client.query(`close ${name}`)
}
