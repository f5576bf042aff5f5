import { expect, test } from 'vitest'
import { failureStatusOfText } from './failure-status.ts'

test.each([
  ['404 The model does not exist.', 404],
  ['NotFoundError: Error code: 404 - {}', 404],
  ['UNKNOWN: 404 The model does not exist.', 404],
  ['{"error":{"code":404,"status":"NOT_FOUND"}}', 404],
  ['ModelHTTPError: status_code: 429, model_name: gpt-4o', 429],
  ['ClientError: 400 INVALID_ARGUMENT.', 400],
  ['fetching from https://example.com/: [503 Service Unavailable]', 503],
  ['An error occurred (ThrottlingException) when calling the Converse operation: Too many', 429],
  ['ClientError: An error occurred (ResourceNotFoundException) when calling InvokeModel: no', 404],
  ['An error occurred (404) when calling the Converse operation: Not Found', 404],
  ['An error occurred (ThrottlingExceptions) when calling', 0],
  ['The tool said (ThrottlingException) twice', 0],
  ['SDKError: API error occurred: Status 404. Body: {}', 404],
  ['599', 599],
  ['', 0],
  [
    `ServiceResponseException: ("<class 'semantic_kernel.connectors.ai.open_ai.OpenAIChatCompletion'> service failed to complete the prompt", NotFoundError("Error code: 404 - {}"))`,
    404,
  ],
  ['The stream broke off after 500 tokens', 0],
  ['404th attempt', 0],
  ['4040 The model', 0],
  ['500.5 ms', 0],
  ['Error: 600 x', 0],
  ['Error: 39', 0],
  [`${' '.repeat(311)}code: 404`, 404],
  [`${' '.repeat(312)}code: 404`, 0],
])('%j names %i', (text, status) => {
  expect(failureStatusOfText(text)).toBe(status)
})
