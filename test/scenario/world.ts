import type pg from 'pg'
import { Registry } from 'prom-client'
import { SILENT } from '../../core/log.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { createRater } from '../../rating/rater.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import { DEFAULT_ATTRIBUTION } from '../../receiver/dialects/attribution.ts'
import { toUsage } from '../../receiver/dialects/normalise.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { createReceiverMetrics } from '../../receiver/metrics.ts'
import { completeEvents } from '../../schema/completion.ts'
import { transaction } from '../../schema/pool.ts'
import { eventLines, exceptionLines, revisionLines } from './answers.ts'
import { creditCommands } from './credits.ts'
import { assignment, type Command, instantMs } from './script.ts'
import { letterOf, MIDNIGHT_MS, spanOf, traceIdOf } from './spans.ts'

const TENANT = 'default'

export interface World {
  /** Runs a command and says what it answers, line by line. */
  run(command: Command): Promise<string[]>
}

/** Aforo without sockets and clocks: the journal, the cut and the rating over a real database, at told instants. */
export async function openWorld(pool: pg.Pool): Promise<World> {
  const metrics = createReceiverMetrics(new Registry())
  const journal = createJournal({ pool, metrics })
  const cutter = createCutter({ pool, settings: CUT_DEFAULTS, log: SILENT, assemble, metrics })
  const rater = createRater({ pool, log: SILENT })
  let latest = MIDNIGHT_MS
  await seedPriceBook(pool, new Date(MIDNIGHT_MS))

  function at(word: string | undefined): Date {
    latest = MIDNIGHT_MS + instantMs(word ?? '')
    return new Date(latest)
  }

  const commands: Readonly<Record<string, (command: Command) => Promise<string[]>>> = {
    async plan({ words, details }) {
      const meters = details.map(([, meter, price, , per]) => ({
        meter,
        model: 'per_unit',
        unit_price: price,
        per,
      }))
      const credits = words[2] && { bill_as: 'credits', credit_rate: assignment(words[2])[1] }
      const plan = parsePlan({ currency: 'USD', meters, ...credits })
      await pool.query(
        `insert into aforo_store.plan_versions (tenant_id, plan_id, version, body, content_hash, effective_from, recorded_at)
         values ($1, $2, 1, $3, $2, $4, $4)`,
        [TENANT, words[1], JSON.stringify(plan), new Date(MIDNIGHT_MS - 86_400_000)],
      )
      return []
    },
    async customer({ words }) {
      const since = new Date(MIDNIGHT_MS - 86_400_000)
      await pool.query(
        `insert into aforo_store.customers (tenant_id, customer_id, recorded_at) values ($1, $2, $3)`,
        [TENANT, words[1], since],
      )
      await pool.query(
        `insert into aforo_store.subscriptions
           (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
         values ($1, $2, $3, $4, 'UTC', 1, $4)`,
        [TENANT, words[1], words[3], since],
      )
      return []
    },
    async price({ words: [, provider, model, meter, price, , per] }) {
      await transaction(pool, async (client) => {
        await client.query(
          `insert into aforo_store.price_rows
             (tenant_id, book, provider, model, meter, unit_price, per, effective_from, recorded_at, source)
           values ($1, 'override', $2, $3, $4, $5, $6, $7, $8, 'scenario')`,
          [TENANT, provider, model, meter, price, per ?? '1', new Date(0), new Date(latest)],
        )
        await completeEvents(
          client,
          TENANT,
          { kind: 'price', provider: provider!, model: model! },
          new Date(latest),
        )
      })
      return []
    },
    async name({ words: [, trace, customer] }) {
      const traceId = traceIdOf(trace!)
      await transaction(pool, async (client) => {
        await client.query(
          `insert into aforo_store.attributions (tenant_id, trace_id, customer_id, recorded_at) values ($1, $2, $3, $4)`,
          [TENANT, Buffer.from(traceId, 'hex'), customer, new Date(latest)],
        )
        await completeEvents(client, TENANT, { kind: 'trace', traceId }, new Date(latest))
      })
      return []
    },
    async push({ words, details }) {
      const now = at(words[1])
      const usages = details.map(([, ...span]) => toUsage(spanOf(span, now.getTime()), DEFAULT_ATTRIBUTION))
      await journal.append(TENANT, usages, now)
      return []
    },
    async cut({ words }) {
      const now = at(words[1])
      await cutter.cut(now)
      const { rows } = await pool.query(
        `select event_id, revision, cut_reason, model_calls, tool_calls, input_tokens, output_tokens
         from aforo_store.events where recorded_at = $1 order by event_id, revision`,
        [now],
      )
      return rows.map(
        (row) =>
          `${letterOf(row.event_id.slice(4))}#${row.revision} ${row.cut_reason} calls=${row.model_calls} ` +
          `tools=${row.tool_calls} in=${row.input_tokens} out=${row.output_tokens}`,
      )
    },
    async rate({ words }) {
      const now = at(words[1])
      let rated = 0
      for (let done = 1; done > 0; rated += done) done = await rater.rate(now)
      return [`rated ${rated}`]
    },
    event: ({ words }) => eventLines(pool, TENANT, words[1]!),
    revisions: ({ words }) => revisionLines(pool, TENANT, words[1]!),
    exceptions: () => exceptionLines(pool, TENANT),
    ...creditCommands(pool, TENANT),
  }

  return {
    async run(command) {
      const act = commands[command.words[0]!]
      if (!act) throw new Error(`no such command: ${command.words[0]}`)
      return act(command)
    },
  }
}
