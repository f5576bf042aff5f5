import type pg from 'pg'
import { trimNumeric } from '../../core/money.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { transaction } from '../../schema/pool.ts'
import { assignment, type Command, instantMs } from './script.ts'
import { letterOf, MIDNIGHT_MS } from './spans.ts'

/**
 * Credits in a scenario:
 *
 *     grant CUSTOMER AMOUNT KIND [@1s] [priority=…] [effective=@…] [expires=@…]
 *     expire @1s
 *     ledger CUSTOMER
 *
 * A ledger is printed as number, kind, from → to, amount, balance, and the event or the entry taken back. Grants are
 * called by the order in which they were made.
 */
export function creditCommands(pool: pg.Pool, tenantId: string) {
  const grants: string[] = []
  const timeOf = (word: string) => new Date(MIDNIGHT_MS + instantMs(word))
  return {
    async grant({ words: [, customerId, amount, kind, ...rest] }: Command): Promise<string[]> {
      const at = rest[0]?.startsWith('@') ? timeOf(rest.shift()!) : new Date(MIDNIGHT_MS)
      const said = Object.fromEntries(rest.map(assignment))
      const grant = {
        amount: amount!,
        kind: kind as 'paid' | 'promo',
        priority: Number(said.priority ?? 50),
        effectiveAt: said.effective ? timeOf(said.effective).toISOString() : null,
        expiresAt: said.expires ? timeOf(said.expires).toISOString() : null,
      }
      const wallet = { tenantId, customerId: customerId! }
      grants.push(await transaction(pool, (client) => recordGrant(client, wallet, grant, at)))
      return []
    },
    async expire({ words }: Command): Promise<string[]> {
      return [`expired ${await expireDue(pool, timeOf(words[1]!))}`]
    },
    async ledger({ words }: Command): Promise<string[]> {
      const { rows } = await pool.query(
        `select posting.*, transaction.event_id, transaction.revision
         from aforo_store.credit_postings posting
         join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
         where tenant_id = $1 and customer_id = $2 order by entry_no`,
        [tenantId, words[1]],
      )
      const place = (account: string) => {
        const [kind, id] = account.split(':')
        return id === undefined ? kind : `${kind} ${grants.indexOf(id) + 1}`
      }
      return rows.map((row) => {
        const about = row.event_id === null ? '' : ` ${letterOf(row.event_id.slice(4))}#${row.revision}`
        const reverses = row.reverses === null ? '' : ` takes back ${row.reverses}`
        return (
          `${row.entry_no} ${place(row.source)} → ${place(row.destination)} ${trimNumeric(row.amount)} ` +
          `balance ${trimNumeric(row.balance)}${about}${reverses}`
        )
      })
    },
  }
}
