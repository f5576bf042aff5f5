import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Endpoint, startEndpoint } from '../webhooks/endpoint.ts'
import { type AforoProcess, runAforo } from './process.ts'

/** Two processes on one database, either of which may be killed and replaced, and an endpoint that is told. */
export interface Pair {
  readonly database: TestDatabase
  readonly ops: Endpoint
  one: AforoProcess
  other: AforoProcess
  /** A process more. */
  serve(): Promise<AforoProcess>
  stop(): Promise<void>
}

export async function startPair(): Promise<Pair> {
  const database = await testDatabase()
  const ops = await startEndpoint()
  const serve = () => runAforo('serve', { DATABASE_URL: database.url })
  const [one, other] = await Promise.all([serve(), serve()])
  const pair: Pair = {
    database,
    ops,
    one,
    other,
    serve,
    async stop() {
      await Promise.all([pair.one.end('SIGKILL'), pair.other.end('SIGKILL')])
      await ops.stop()
      await database.drop()
    },
  }
  return pair
}
