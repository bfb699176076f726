/** Sending an event by hand: it moves the live session, is journalled as what it is, and may be refused. */

import { describe, expect, it } from 'vitest';
import { describeMachine, sessionMachine } from '../../machines/index.ts';
import { OWNER, scopesFrom } from '../../src/access.ts';
import { MANUAL_EVENT_TYPES } from '../../src/protocol/manual-event.ts';
import { scopesOf } from '../../src/transports/inspect-namespace.ts';
import { scriptOf } from '../support/hooks.ts';
import { openInspection } from './setup.ts';

const CALLER = { kind: 'local', address: '127.0.0.1', connection: 'inspect-1' } as const;

async function openSession() {
  const stage = await openInspection();
  await stage.take(scriptOf('s1').prompt('go'));
  const { inspection } = stage.runtime;
  const send = (event: { type: string; [key: string]: never | unknown }) =>
    inspection.send('s1', event as never, CALLER);
  return { ...stage, inspection, send };
}

describe('an event sent by hand', () => {
  it('moves the live session and stands in its journal with its origin', async () => {
    const { inspection, send } = await openSession();
    const sent = await send({ type: 'turn.completed', backgroundAgents: null });
    expect(sent).toMatchObject({
      accepted: true,
      reason: null,
      value: { phase: { active: { turn: 'closed' } } },
    });
    const { records } = await inspection.history('s1', null);
    expect(records.at(-1)).toMatchObject({
      origin: 'visualizer',
      caller: CALLER,
      event: { type: 'turn.completed' },
      value: { phase: { active: { turn: 'closed' } } },
      accepted: true,
    });
  });

  it('is stamped by the server: a page whose clock is ahead cannot make later reports look late', async () => {
    const { take, inspection, send } = await openSession();
    await send({ type: 'turn.aborted', reason: 'trial', at: '2099-01-01T00:00:00.000000Z' });
    await take(scriptOf('s1').prompt('again'));
    const { records } = await inspection.history('s1', null);
    expect(records.at(-1)?.value).toMatchObject({ phase: { active: { turn: 'open' } } });
    expect(records.every(({ at }) => at < '2099')).toBe(true);
  });

  it('is journalled also when the chart refuses it, with the reason for the sender', async () => {
    const { take, inspection, send } = await openSession();
    await take(scriptOf('s1').end());
    const sent = await send({ type: 'agent.started', agentId: 'a', agentType: 'general' });
    expect(sent).toMatchObject({ accepted: false, value: { phase: 'ended' } });
    expect(sent.reason).toContain('No active state takes agent.started');
    const { records } = await inspection.history('s1', null);
    expect(records.at(-1)).toMatchObject({
      origin: 'visualizer',
      caller: CALLER,
      accepted: false,
    });
    expect(records.filter(({ origin }) => origin === 'hook')[0]).not.toHaveProperty('caller');
  });

  it('belongs to the session it is sent to, whatever its request says', async () => {
    const { inspection, send } = await openSession();
    const request = {
      id: 'r1',
      session_id: 'somebody-else',
      type: 'exec',
      command: 'ls',
      file_path: null,
      diff: null,
      question: null,
    };
    const event = {
      type: 'approval.requested',
      request,
      tool: null,
      toolUseId: null,
      server: null,
    };
    expect(await send(event)).toMatchObject({
      value: { phase: { active: { requests: 'permission' } } },
    });
    const moment = await inspection.at('s1', 2);
    expect(JSON.stringify(moment)).not.toContain('somebody-else');
  });

  it.each([
    [{ type: 'xstate.stop' }, /cannot be sent by hand/],
    [{ type: 'interrupt.requested' }, /cannot be sent by hand/],
    [{ type: 'link.attached', capabilities: ['turn.run'] }, /cannot be sent by hand/],
    [{ type: 'turn.completed' }, /backgroundAgents must be/],
    [{ type: 'turn.aborted', reason: 4 }, /reason must be a string/],
    [{ type: 'turn.aborted', reason: 'x', message: { id: 'm' } }, /message must be removed/],
    [{ type: 'usage.updated', usage: { input_tokens: -1 } }, /usage\.input_tokens must be/],
  ])('%j is refused in words, and nothing is journalled', async (event, words) => {
    const { inspection, send } = await openSession();
    await expect(send(event)).rejects.toThrow(words);
    expect((await inspection.history('s1', null)).last).toBe(1);
  });

  it('needs a session', async () => {
    const { inspection } = await openSession();
    const event = { type: 'turn.aborted', reason: 'x' };
    await expect(inspection.send('nobody', event, CALLER)).rejects.toThrow('nobody not found');
  });
});

it('an anonymous caller may look and not send; known ones may both', () => {
  expect(scopesOf({ kind: 'anonymous', rights: OWNER })).toEqual(['read']);
  expect(scopesOf({ kind: 'local', rights: OWNER })).toEqual(['read', 'control']);
  expect(scopesOf({ kind: 'token', rights: OWNER })).toEqual(['read', 'control']);
  const observer = { scopes: scopesFrom(['observe']), token: { id: 'i', name: 'n' } };
  expect(scopesOf({ kind: 'token', rights: observer })).toEqual(['read']);
});

it('offers only events that the chart knows', () => {
  const known = new Set(describeMachine(sessionMachine).edges.map(({ event }) => event));
  expect(MANUAL_EVENT_TYPES.filter((event) => !known.has(event))).toEqual([]);
});
