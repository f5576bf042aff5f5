import type pg from 'pg'
import { AforoError } from '../../../core/errors.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { BillFilter, VendorBill } from '../../../core/vendor-bills.ts'
import { readReconciled, recordBills } from '../bills/vendor-bills.ts'
import { priceNamesOf } from '../names.ts'
import { readNotices } from '../notices/read-notices.ts'
import { approveProposal, rejectProposal } from './decide.ts'
import { importPrices } from './import-prices.ts'
import { type PullSources, readSources } from './pull.ts'
import { sourceOfText } from './read-source.ts'

/** The upkeep of the price book as the API is given it, over the catalogues of the settings. */
export function createPriceUpdates(sources: PullSources) {
  return {
    importDocument(
      client: pg.PoolClient,
      imported: {
        readonly name: string
        readonly document: unknown
        readonly against: unknown
        readonly allowFewer: boolean
      },
      now: Date,
    ) {
      const { name, document, against, allowFewer } = imported
      const catalogue = sourceOfText(name, JSON.stringify(document))
      const second = against === undefined ? null : sourceOfText(`${name} (second)`, JSON.stringify(against))
      return importPrices(client, { catalogue, second, allowFewer, now })
    },
    async pull(client: pg.PoolClient, { allowFewer }: { readonly allowFewer: boolean }, now: Date) {
      if (sources.source === '') {
        throw new AforoError('invalid_argument', 'send a catalogue as `document`, or set AFORO_PRICE_SOURCE')
      }
      const [catalogue, second] = await readSources(sources)
      return importPrices(client, { catalogue, second, allowFewer, now })
    },
    approve: approveProposal,
    reject: rejectProposal,
    names: priceNamesOf,
    notices: readNotices,
    async bill(client: pg.PoolClient, tenantId: TenantId, bill: VendorBill, now: Date) {
      const ids = await recordBills(client, tenantId, [bill], now)
      return (await readReconciled(client, tenantId, {}, ids))[0]!
    },
    bills: (client: pg.PoolClient, tenantId: TenantId, filter: BillFilter) =>
      readReconciled(client, tenantId, filter),
  }
}
