import type { z } from 'zod'
import { AforoError, type FieldFault } from '../../../core/errors.ts'

/** Faults told of a catalogue; the others are counted. */
export const FAULTS_MAX = 100

/** Refuses a catalogue, with its faults by path. */
export function refuse(name: string, faults: readonly FieldFault[]): never {
  const more = faults.length > 1 ? ` and ${faults.length - 1} more` : ''
  const [first] = faults
  throw new AforoError('invalid_argument', `${name} is refused: ${first?.path} ${first?.message}${more}`, {
    faults: faults.slice(0, FAULTS_MAX),
  })
}

/** Faults of a schema as ours. */
export function faultsOf(error: z.ZodError): readonly FieldFault[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path
      .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join('')
    if (issue.code !== 'unrecognized_keys') return [{ path: path || '/', message: issue.message }]
    return issue.keys.map((key) => ({ path: `${path}/${key}`, message: 'is not known here' }))
  })
}
