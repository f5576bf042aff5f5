import type pg from 'pg'
import type { TenantId } from '../core/ids.ts'
import type { ImportReport, PriceNotice, ProposalOrder } from '../core/price-updates.ts'
import type { BillFilter, ReconciledBill, VendorBill } from '../core/vendor-bills.ts'

/** A catalogue that came with a request. */
export interface ImportedDocument {
  readonly name: string
  readonly document: unknown
  /** A second catalogue. */
  readonly against: unknown
  readonly allowFewer: boolean
}

/** What the API is given of the price book's upkeep. Each works in the transaction of the client. */
export interface PriceUpdates {
  importDocument(client: pg.PoolClient, imported: ImportedDocument, now: Date): Promise<ImportReport>
  /** Pulls what the settings name; throws `invalid_argument` where they name nothing. */
  pull(client: pg.PoolClient, options: { readonly allowFewer: boolean }, now: Date): Promise<ImportReport>
  approve(client: pg.PoolClient, order: ProposalOrder, now: Date): Promise<void>
  reject(client: pg.PoolClient, order: ProposalOrder, now: Date): Promise<void>
  /** Under which names the prices of a provider, a model or both stand; null: any. None where neither is given. */
  names(
    provider: string | undefined,
    model: string | undefined,
  ): Promise<readonly { readonly provider: string | null; readonly model: string | null }[]>
  notices(client: pg.PoolClient, tenantId: TenantId, now: Date): Promise<readonly PriceNotice[]>
  /** Keeps a bill, and tells it beside our costs. */
  bill(client: pg.PoolClient, tenantId: TenantId, bill: VendorBill, now: Date): Promise<ReconciledBill>
  /** The bills that count beside our costs, at most a thousand. */
  bills(client: pg.PoolClient, tenantId: TenantId, filter: BillFilter): Promise<readonly ReconciledBill[]>
}
