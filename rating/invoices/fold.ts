import { ZERO } from '../../core/money.ts'
import { nameOf } from '../name.ts'
import type { ExactLine } from './owed.ts'

/** Lines of usage on an invoice. Of more, usage is told by meter, all models and tools together. */
export const USAGE_LINES_MAX = 2_000

/** Makes one line of all models and tools of a meter where there would be more lines than anybody reads. */
export function foldLines(lines: readonly ExactLine[]): readonly ExactLine[] {
  if (lines.filter(({ kind }) => kind === 'usage').length <= USAGE_LINES_MAX) return lines
  const folded = new Map<string, ExactLine>()
  lines.forEach((line, no) => {
    const { kind, plan, meterNo, from } = line
    const name = kind === 'usage' ? nameOf(from, plan!.planId, plan!.version, meterNo) : nameOf('line', no)
    const sum = folded.get(name)
    const quantity = sum ? line.quantity!.plus(sum.quantity!) : line.quantity
    const exact = line.exact.plus(sum?.exact ?? ZERO)
    const of = kind === 'usage' ? { provider: null, model: null, tool: null } : {}
    folded.set(name, { ...line, ...of, quantity, exact })
  })
  return [...folded.values()]
}
