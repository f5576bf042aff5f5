import express, { type RequestHandler } from 'express'
import { AforoError } from '../core/errors.ts'

/** 1 MiB, also after decompression: plans and prices are small. */
export const BODY_BYTES_MAX = 1_048_576

const JSON_TYPES = ['application/json', 'application/*+json']

/** Reads JSON bodies. A body of another type is refused, not ignored: its sender would believe it was read. */
export function jsonBody(bytesMax = BODY_BYTES_MAX): RequestHandler[] {
  return [
    (request, _response, next) => {
      if (hasBody(request.headers) && !request.is(JSON_TYPES)) {
        throw new AforoError('unsupported_media_type', 'a body must be application/json')
      }
      next()
    },
    express.json({ limit: bytesMax, type: JSON_TYPES, strict: true }),
  ]
}

function hasBody(headers: { 'transfer-encoding'?: string; 'content-length'?: string }): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
