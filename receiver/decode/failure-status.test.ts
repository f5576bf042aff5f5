import { expect, test } from 'vitest'
import { FAILURE_TEXTS } from '../../test/support/failure-texts.ts'
import { failureStatusOfText } from './failure-status.ts'

test.each(FAILURE_TEXTS)('%j names %i', (text, status) => {
  expect(failureStatusOfText(text)).toBe(status)
})
