import { Command, Option } from 'commander'
import type pg from 'pg'
import { listPrices } from '../api/queries/prices.ts'
import { listProposals } from '../api/queries/proposals.ts'
import type { Config } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { priceNamesOf } from '../rating/prices/names.ts'
import { readNotices } from '../rating/prices/notices/read-notices.ts'
import { approveProposal, rejectProposal } from '../rating/prices/updates/decide.ts'
import { diffLines, disagreementLines } from '../rating/prices/updates/diff-lines.ts'
import { pullPrices } from '../rating/prices/updates/pull.ts'
import { transaction } from '../schema/pool.ts'
import { instant } from './instant.ts'
import { onDatabase } from './on-database.ts'
import { type BillOptions, billLines } from './prices/bill-lines.ts'
import { noticeLines, priceLines, proposalLines, reportLines } from './prices/lines.ts'

const HELP = `
A source is a file or an http(s) URL: the data of genai-prices, or {"prices": […]} with rows as GET /v1/prices has them.
A second catalogue may be LiteLLM's price map as well. "…#sha256=<64 hex digits>" behind either says what it must be.
docs/PRICES.md says what is taken in by itself and what waits for a person.
`

const RECONCILE_HELP = `
CSV has the columns provider, usd, and day (2026-11-23), month (2026-11), or from and to; model (a glob) where a bill is of
some models. Cost reports are what /v1/organization/costs (OpenAI) and /v1/organizations/cost_report (Anthropic) answer, all
pages as a list. Without --file the bills that are known are compared.
`

interface Sources {
  readonly source?: string
  readonly against?: string
  readonly fewer?: true
}

/**
 * `aforo prices pull|diff|proposals|approve|reject|list|notices|reconcile`: the catalogue's book and what is proposed
 * for it.
 */
export function pricesCommand(): Command {
  const prices = new Command('prices')
    .description('look at price catalogues and decide what of them counts')
    .addHelpText('after', HELP)
  const source = new Option('--source <where>', 'the catalogue; default: AFORO_PRICE_SOURCE')
  const against = new Option('--against <where>', 'a second catalogue; default: AFORO_PRICE_CROSS_CHECK')
  const fewer = new Option('--fewer', 'take a file that has lost more than 2% of its rows')
  prices
    .command('pull')
    .description('compare a catalogue with the book; take in what is small, propose the rest')
    .addOption(source)
    .addOption(against)
    .addOption(fewer)
    .action((options: Sources) =>
      printing(async function* (pool, config) {
        const report = await pullPrices(pool, sourcesOf(options, config), () => new Date())
        yield* reportLines(report)
        yield* notices(pool)
      }),
    )
  prices
    .command('diff')
    .description(
      'tell what a pull would propose, or where a second catalogue disagrees with the book, and write nothing',
    )
    .addOption(source)
    .addOption(against)
    .addOption(fewer)
    .action((options: Sources) =>
      printing(async function* (pool, config) {
        const {
          source: from,
          against: second,
          allowFewer,
        } = sourcesOf(options, config, options.against !== undefined)
        if (from !== '') yield* diffLines(pool, { source: from, against: second, allowFewer }, new Date())
        if (second !== '') yield* disagreementLines(pool, second, new Date())
      }),
    )
  prices
    .command('proposals')
    .description('list what waits for a person')
    .option('--all', 'what is decided as well')
    .action((options: { all?: true }) =>
      printing(async function* (pool) {
        yield* proposalLines((after) =>
          transaction(pool, (client) =>
            listProposals(client, { state: options.all ? 'all' : 'open', after, rows: LIST_ROWS }),
          ),
        )
        yield* notices(pool)
      }),
    )
  const by = new Option('--by <name>', 'who decides').default(process.env.USER ?? 'operator')
  const reason = new Option('--reason <text>', 'why')
  for (const [name, decide, about] of [
    ['approve', approveProposal, 'take a proposal in'],
    ['reject', rejectProposal, 'say no to a proposal, or take one back whose prices have not begun'],
  ] as const) {
    prices
      .command(`${name} <proposal_id>`)
      .description(about)
      .addOption(by)
      .addOption(reason)
      .action((proposalId: string, options: { by: string; reason?: string }) =>
        printing(async function* (pool) {
          const order = { proposalId, by: options.by, reason: options.reason ?? null }
          await transaction(pool, (client) => decide(client, order, new Date()))
          yield `proposal ${proposalId} is ${name === 'approve' ? 'approved' : 'rejected'}`
        }),
      )
  }
  prices
    .command('list')
    .description('list the rows that count')
    .option('--provider <name>')
    .option('--model <name>')
    .option('--at <instant>', 'instant of the usage; default: now')
    .addOption(
      new Option('--tenant <id>', 'with the contracts and overrides of this tenant').default(DEFAULT_TENANT),
    )
    .action((options: { provider?: string; model?: string; at?: string; tenant: string }) =>
      printing(async function* (pool) {
        const now = new Date().toISOString()
        const at = options.at === undefined ? now : instant(options.at)
        const names = await priceNamesOf(options.provider, options.model)
        yield* priceLines((after) =>
          transaction(pool, (client) =>
            listPrices(client, options.tenant, { names, at, knownAt: now, after, rows: LIST_ROWS }),
          ),
        )
      }),
    )
  prices
    .command('reconcile')
    .description(
      'compare what providers charged with COGS; exit 1 where they differ by more than half a percent',
    )
    .option('--file <file>', 'bills to keep: CSV, or a cost report of OpenAI or Anthropic')
    .option('--provider <name>')
    .addOption(new Option('--from <instant>', 'bills whose time overlaps').argParser(instant))
    .addOption(new Option('--to <instant>').argParser(instant))
    .addOption(new Option('--tenant <id>', 'whose costs').default(DEFAULT_TENANT))
    .addHelpText('after', RECONCILE_HELP)
    .action((options: BillOptions) => printing((pool) => billLines(pool, options, new Date())))
  prices
    .command('notices')
    .description('list what somebody should know about prices')
    .action(() => printing(notices))
  return prices
}

/** Rows read at once. */
const LIST_ROWS = 500

async function* notices(pool: pg.Pool): AsyncGenerator<string, void, void> {
  yield* noticeLines(await transaction(pool, (client) => readNotices(client, null, new Date())))
}

function sourcesOf({ source, against, fewer }: Sources, config: Config, mayLack = false) {
  const from = source ?? config.priceSource
  if (from === '' && !mayLack) {
    throw new AforoError('invalid_argument', 'no catalogue: give --source, or set AFORO_PRICE_SOURCE')
  }
  // A diff against a second catalogue alone is one of the book.
  return {
    source: mayLack ? (source ?? '') : from,
    against: against ?? config.priceCrossCheck,
    allowFewer: fewer === true,
  }
}

/** Prints each line of the work as it comes. */
function printing(
  work: (pool: pg.Pool, config: Config) => AsyncGenerator<string, void, void>,
): Promise<void> {
  return onDatabase(2, async (pool, config) => {
    for await (const line of work(pool, config)) process.stdout.write(`${line}\n`)
  })
}
