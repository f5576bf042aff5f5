import PdfDocument from 'pdfkit'
import { createWriter, FONT_NAMES, fontBytes, missingNote, type Writer } from './letters.ts'
import type { Sheet, SheetRow } from './sheet.ts'

const MARGIN = 50
const PAGE_WIDTH = 595.28
const PAGE_HEIGHT = 841.89
const RIGHT = PAGE_WIDTH - MARGIN
/** Below it nothing but the page's number. */
const BOTTOM = PAGE_HEIGHT - 70
const INK = '#1a1f2b'
const GREY = '#667085'
const RULE = '#d0d5dd'

/** Columns of the lines: where they begin and how wide they are. */
const COLUMNS = {
  no: { x: MARGIN, width: 26 },
  description: { x: MARGIN + 28, width: 262 },
  quantity: { x: MARGIN + 296, width: 92 },
  unit: { x: MARGIN + 394, width: 34 },
  amount: { x: MARGIN + 430, width: RIGHT - MARGIN - 430 },
} as const

/**
 * An invoice as PDF, A4. The same sheet gives the same bytes. Letters that its font lacks stand as `□`, and a note
 * names them: the JSON and the HTML have them.
 * @param madeAt instant the file says it was made at
 */
export function invoicePdf(sheet: Sheet, madeAt: Date): Promise<Buffer> {
  const document = new PdfDocument({
    size: 'A4',
    margin: MARGIN,
    bufferPages: true,
    // None yet: the ones that every reader has know Latin letters alone.
    font: null as unknown as string,
    info: { Title: sheet.title, Creator: 'Aforo', CreationDate: madeAt, ModDate: madeAt },
  })
  for (const name of FONT_NAMES) document.registerFont(name, fontBytes(name))
  const pdf: Pdf = Object.assign(document, createWriter())
  const chunks: Buffer[] = []
  pdf.on('data', (chunk: Buffer) => chunks.push(chunk))
  const done = new Promise<Buffer>((resolve, reject) => {
    pdf.on('end', () => resolve(Buffer.concat(chunks)))
    pdf.on('error', reject)
  })
  drawHead(pdf, sheet)
  drawRows(pdf, sheet.rows)
  drawSums(pdf, sheet)
  drawNotes(pdf, sheet.notes)
  const note = missingNote(pdf.missing())
  if (note !== null) drawNotes(pdf, [note])
  numberPages(pdf, sheet.title)
  pdf.end()
  return done
}

type Pdf = InstanceType<typeof PdfDocument> & Writer

function drawHead(pdf: Pdf, { title, stamp, seller, buyer, facts }: Sheet): void {
  pdf
    .fillColor(INK)
    .font('bold')
    .fontSize(18)
    .text(pdf.written(title), MARGIN, MARGIN, { width: RIGHT - MARGIN, align: 'right' })
  if (stamp !== null)
    pdf.fillColor('#a3352a').fontSize(11).text(stamp, { align: 'right', characterSpacing: 1.5 })
  const sellerEnd = drawBlock(pdf, seller, MARGIN)
  const top = Math.max(sellerEnd, pdf.y, MARGIN + 60) + 24
  pdf.font('text').fontSize(8).fillColor(GREY).text('Billed to', MARGIN, top)
  const buyerEnd = drawBlock(pdf, buyer, top + 12)
  let y = top + 12
  for (const [label, value] of facts) {
    pdf.font('text').fontSize(9).fillColor(GREY).text(label, 330, y, { width: 70 })
    pdf.fillColor(INK).text(pdf.written(value), 400, y, { width: RIGHT - 400, align: 'right' })
    y = Math.max(pdf.y, y + 13)
  }
  pdf.y = Math.max(buyerEnd, y) + 24
}

function drawBlock(pdf: Pdf, lines: readonly string[], y: number): number {
  pdf.y = y
  lines.forEach((line, no) => {
    pdf
      .font(no === 0 ? 'bold' : 'text')
      .fontSize(10)
      .fillColor(INK)
    pdf.text(pdf.written(line), MARGIN, pdf.y, { width: 250 })
  })
  return pdf.y
}

function drawRows(pdf: Pdf, rows: readonly SheetRow[]): void {
  drawColumnHeads(pdf)
  for (const row of rows) {
    const height = rowHeight(pdf, row)
    if (pdf.y + height > BOTTOM) {
      pdf.addPage()
      drawColumnHeads(pdf)
    }
    const y = pdf.y + 5
    pdf.font('text').fontSize(9).fillColor(INK)
    cell(pdf, 'no', row.no, y)
    cell(pdf, 'quantity', row.quantity, y, 'right')
    cell(pdf, 'unit', row.unit, y)
    cell(pdf, 'amount', row.amount, y, 'right')
    cell(pdf, 'description', row.description, y)
    if (row.detail !== '') {
      pdf.fontSize(7.5).fillColor(GREY)
      cell(pdf, 'description', row.detail, pdf.y + 1)
    }
    rule(pdf, y - 5 + height, RULE)
    pdf.y = y - 5 + height
  }
}

function rowHeight(pdf: Pdf, { description, detail, quantity }: SheetRow): number {
  const { width } = COLUMNS.description
  pdf.font('text').fontSize(9)
  const text = pdf.heightOfString(pdf.written(description), { width })
  const counted = pdf.heightOfString(quantity, { width: COLUMNS.quantity.width })
  const more = detail === '' ? 0 : pdf.fontSize(7.5).heightOfString(pdf.written(detail), { width }) + 1
  return Math.max(text + more, counted) + 10
}

function drawColumnHeads(pdf: Pdf): void {
  const { y } = pdf
  pdf.font('bold').fontSize(8).fillColor(INK)
  cell(pdf, 'no', '#', y)
  cell(pdf, 'description', 'Description', y)
  cell(pdf, 'quantity', 'Quantity', y, 'right')
  cell(pdf, 'unit', 'Unit', y)
  cell(pdf, 'amount', 'Amount', y, 'right')
  rule(pdf, y + 13, INK)
  pdf.y = y + 13
}

function drawSums(pdf: Pdf, { sums }: Sheet): void {
  if (pdf.y + sums.length * 18 + 12 > BOTTOM) pdf.addPage()
  let y = pdf.y + 12
  for (const { label, amount, isMain } of sums) {
    if (isMain) rule(pdf, y - 3, INK, 320)
    pdf
      .font(isMain ? 'bold' : 'text')
      .fontSize(isMain ? 10.5 : 9.5)
      .fillColor(INK)
    pdf.text(pdf.written(label), 320, y, { width: 130, lineBreak: false, ellipsis: true })
    pdf.text(amount, 420, y, { width: RIGHT - 420, align: 'right' })
    y += 18
  }
  pdf.y = y
}

function drawNotes(pdf: Pdf, notes: readonly string[]): void {
  pdf.y += 20
  for (const note of notes) {
    const width = RIGHT - MARGIN
    pdf.font('text').fontSize(8).fillColor(GREY)
    if (pdf.y + pdf.heightOfString(pdf.written(note), { width }) > BOTTOM) pdf.addPage()
    pdf.text(pdf.written(note), MARGIN, pdf.y, { width })
    pdf.y += 3
  }
}

function numberPages(pdf: Pdf, title: string): void {
  const { start, count } = pdf.bufferedPageRange()
  for (let no = start; no < start + count; no++) {
    pdf.switchToPage(no)
    // Text below the margin would begin a page of its own.
    pdf.page.margins.bottom = 0
    const text = `${pdf.written(title)} · page ${no + 1} of ${count}`
    pdf.font('text').fontSize(8).fillColor(GREY)
    pdf.text(text, MARGIN, PAGE_HEIGHT - 45, { width: RIGHT - MARGIN, align: 'right', lineBreak: false })
  }
}

function cell(
  pdf: Pdf,
  column: keyof typeof COLUMNS,
  text: string,
  y: number,
  align: 'left' | 'right' = 'left',
) {
  const { x, width } = COLUMNS[column]
  pdf.text(pdf.written(text), x, y, { width, align })
}

function rule(pdf: Pdf, y: number, color: string, from = MARGIN): void {
  pdf.moveTo(from, y).lineTo(RIGHT, y).lineWidth(0.5).strokeColor(color).stroke()
}
