/**
 * The form of the chart's specification: rows of before, event, after, what is recorded and ordered.
 * Every row also checks what holds always: the phase, the context and the wire agree.
 */
import { expect, it } from 'vitest';
import type { ConnectorCommand, Fact, SessionEvent } from '../../machines/index.ts';
import type { Session } from '../../machines/session-types.ts';
import type { StateChanges } from '../../src/protocol/nouns.ts';
import { type Phase, sessionAfter, WIRE_WORD } from './session-after.ts';

/** [sentence, events before, event, phase after, facts in order, orders in order] */
export type Row = [
  name: string,
  from: SessionEvent[],
  event: SessionEvent,
  to: Phase,
  facts: object[],
  orders?: Partial<ConnectorCommand>[],
];

/** One test per row; facts are compared by number, order, type and the fields that a row names. */
export function testRows(rows: Row[], session: Partial<Session> = {}): void {
  it.each(rows)('%s', (_name, from, event, to, facts, orders = []) => {
    const scene = sessionAfter(from, session);
    const after = scene.send(event);
    expect(scene.phase()).toBe(to);
    expect(after.facts.map(({ type }) => type)).toEqual(facts.map((fact) => (fact as Fact).type));
    expect(after.facts).toMatchObject(facts);
    expect(after.orders).toMatchObject(orders);
    expect(scene.status()).toBe(WIRE_WORD[to]);
  });
}

// ---- words for facts -------------------------------------------------------------------------------

export const delta = (changes: StateChanges = {}) => ({ type: 'session_delta', changes });
export const listed = (session: object = {}) => ({ type: 'session_created', session });
export const said = (message: object = {}) => ({ type: 'message_appended', message });
export const changed = (message_id: string, changes: object = {}) => ({
  type: 'message_updated',
  message_id,
  changes,
});
export const shown = (id: string) => ({ type: 'approval_requested', request: { id } });
export const opened = (id: string, more: object = {}) => ({
  type: 'approval_opened',
  request: { id },
  ...more,
});
export const closed = (request_id: string, decision: string, evidence?: string) => ({
  type: 'approval_closed',
  request_id,
  decision,
  ...(evidence !== undefined && { evidence }),
});
export const noted = (columns: object) => ({ type: 'row_noted', columns });
