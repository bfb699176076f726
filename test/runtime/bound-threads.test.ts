/** Which thread of an engine is which session, while a connector holds it. */
import { expect, it } from 'vitest';
import { createBoundThreads } from '../../src/runtime/steering/connectors.ts';

it('a thread that is bound is found by its session, and the session by its thread', () => {
  const threads = createBoundThreads();
  expect([threads.sessionOf('t'), threads.threadOf('s')]).toEqual([null, null]);
  threads.bind('s', 't');
  expect([threads.sessionOf('t'), threads.threadOf('s')]).toEqual(['s', 't']);
  expect([...threads.sessions()]).toEqual(['s']);
});

it('a session that is bound to another thread has let go of the one before', () => {
  const threads = createBoundThreads();
  const letGoOfFirst = threads.bind('s', 'first');
  threads.bind('s', 'second');
  expect([threads.sessionOf('first'), threads.sessionOf('second')]).toEqual([null, 's']);
  letGoOfFirst();
  expect([threads.sessionOf('second'), threads.threadOf('s')]).toEqual(['s', 'second']);
});

it('a thread that another session has taken meanwhile stays with it', () => {
  const threads = createBoundThreads();
  const letGo = threads.bind('s', 't');
  threads.bind('other', 't');
  letGo();
  expect([threads.sessionOf('t'), threads.threadOf('s'), threads.threadOf('other')]).toEqual([
    ...['other', null, 't'],
  ]);
});

it('a thread that is let go is nobody’s', () => {
  const threads = createBoundThreads();
  threads.bind('s', 't')();
  expect([threads.sessionOf('t'), threads.threadOf('s')]).toEqual([null, null]);
  expect([...threads.sessions()]).toEqual([]);
});

it('who listens receives each binding once it can be found', () => {
  const threads = createBoundThreads();
  const received: unknown[] = [];
  threads.onBound((sessionId, threadId) => {
    received.push([sessionId, threadId, threads.sessionOf(threadId)]);
  });
  threads.bind('s', 't');
  threads.bind('s', 'u');
  expect(received).toEqual([
    ['s', 't', 's'],
    ['s', 'u', 's'],
  ]);
});
