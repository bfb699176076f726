/** What one part of the runtime sets going in another. */
import { expect, it } from 'vitest';
import type { Transcripts, WatchReport } from '../../src/providers/reports.ts';
import { hook, openTestRuntime } from './test-runtime.ts';

const found = (path: string): WatchReport => ({
  ...{ witness: 'transcript', what: 'session.found', sessionId: 's', stamp: 1, key: path },
  ...{ path, cwd: '/home/dev/shop', originator: null, version: null },
  ...{ branch: null, commit: null, forkedFrom: null, name: null, isBack: false, startedAt: 0 },
});

it('a file that is found again is looked at again, though it says nothing new of its session', async () => {
  await using test = await openTestRuntime();
  const calls: string[] = [];
  const reader: Transcripts = {
    follow: ({ path }) => void calls.push(`follow ${path}`),
    follows: () => calls.length > 0,
    check: (id) => void calls.push(`check ${id}`),
    release: () => {},
    close: async () => {},
  };
  test.runtime.transcripts.attach('codex', reader);
  test.runtime.witnesses.take([found('/files/s.jsonl')], 'codex');
  await expect.poll(() => calls).toEqual(['follow /files/s.jsonl']);
  test.runtime.witnesses.take([found('/files/s.jsonl')], 'codex');
  await expect.poll(() => calls.slice(1)).toEqual(['check s']);
});

it('a session in which nothing happens is a row again once it may rest', async () => {
  await using test = await openTestRuntime();
  const { api, registry, rest } = test.runtime;
  await api.takeHook(hook('s', 'UserPromptSubmit', { prompt: 'go' }), { origin: 'hook' });
  await api.takeHook(hook('s', 'Stop'), { origin: 'hook' });
  rest(3_600_000);
  expect(registry.peek('s')).not.toBeNull();
  rest(-1);
  expect(registry.peek('s')).toBeNull();
});

it('a hook is shown as waiting while there is room for those that wait', async () => {
  await using test = await openTestRuntime();
  const { api, registry } = test.runtime;
  const ask = (id: string) => {
    const asked = hook(id, 'PermissionRequest', {
      tool_name: 'Bash',
      tool_input: { command: 'ls' },
    });
    return api.takeHook(asked, { origin: 'hook', key: id, isAwaited: true });
  };
  const isAnswerable = (id: string) =>
    registry.peek(id)?.head.snapshot.context.approvals[0]?.request.answerable === true;
  for (let n = 0; n < 256; n += 1) await ask(`s${n}`);
  await ask('one-more');
  expect([isAnswerable('s0'), isAnswerable('s255'), isAnswerable('one-more')]).toEqual([
    ...[true, true, false],
  ]);
});
