/**
 * A door beside Koa, for what is asked most often and first: hooks, and whether we serve at all. A
 * server that only watches never loads Koa.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from '../gate.ts';

/** What a plain door answers. */
export interface PlainAnswer {
  status: number;
  /** JSON text. */
  body?: string;
}

/**
 * Answers a request that was let in. What it refuses it throws as `OrbitError`; headers of its own it sets
 * on the response before.
 */
export type PlainDoor = (
  request: IncomingMessage,
  response: ServerResponse,
  admission: Admission,
) => Promise<PlainAnswer>;
