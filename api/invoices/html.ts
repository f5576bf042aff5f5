import type { Sheet } from './sheet.ts'

/** An invoice as a page of its own: no script, nothing loaded, printable. */
export function invoiceHtml({ title, stamp, seller, buyer, facts, rows, sums, notes }: Sheet): string {
  const lines = (texts: readonly string[]) => texts.map(escaped).join('<br>')
  const body = rows.map(
    (row) =>
      `<tr><td>${escaped(row.no)}</td><td>${escaped(row.description)}<small>${escaped(row.detail)}</small></td>` +
      `<td class="n">${escaped(row.quantity)}</td><td>${escaped(row.unit)}</td><td class="n">${escaped(row.amount)}</td></tr>`,
  )
  const totals = sums.map(
    ({ label, amount, isMain }) =>
      `<tr${isMain ? ' class="main"' : ''}><td colspan="4">${escaped(label)}</td><td class="n">${escaped(amount)}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header><address>${lines(seller)}</address><div><h1>${escaped(title)}</h1>${stamp === null ? '' : `<b>${stamp}</b>`}</div></header>
<section><address>${lines(buyer)}</address><dl>${facts.map(([label, value]) => `<dt>${escaped(label)}</dt><dd>${escaped(value)}</dd>`).join('')}</dl></section>
<table>
<thead><tr><th>#</th><th>Description</th><th class="n">Quantity</th><th>Unit</th><th class="n">Amount</th></tr></thead>
<tbody>
${body.join('\n')}
</tbody>
<tfoot>
${totals.join('\n')}
</tfoot>
</table>
<footer>${notes.map((note) => `<p>${escaped(note)}</p>`).join('')}</footer>
</body>
</html>
`
}

const STYLE = `
body{font:14px/1.45 system-ui,sans-serif;color:#1a1f2b;max-width:820px;margin:40px auto;padding:0 24px}
header,section{display:flex;justify-content:space-between;gap:32px;margin-bottom:32px}
header div{text-align:right}h1{font-size:24px;margin:0}b{color:#a3352a;letter-spacing:.1em}
address{font-style:normal}dl{display:grid;grid-template-columns:auto auto;gap:2px 16px;margin:0}dt{color:#667085}dd{margin:0;text-align:right}
table{border-collapse:collapse;width:100%}th{text-align:left;border-bottom:1px solid #1a1f2b;font-size:12px}
th,td{padding:6px 8px;vertical-align:top}tbody tr{border-bottom:1px solid #e4e7ec;break-inside:avoid}small{display:block;color:#667085}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}tfoot td{text-align:right}tfoot{display:table-row-group}
.main{font-weight:600;border-top:1px solid #1a1f2b}footer{margin-top:32px;color:#667085;font-size:12px}`

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
