/** How much of its account's rate limits Codex has used: reported by the engine and by rollouts, by the real binary. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { limitsFrom } from '../../src/providers/codex/account.ts';
import { RateLimits } from '../../src/runtime/handlers/usage.ts';
import { codexExec } from '../support/codex-exec.ts';
import { type CodexSetup, createSteered, openCodexSetup } from '../support/codex-setup.ts';

let dock: CodexSetup;
beforeAll(async () => {
  dock = await openCodexSetup();
});
afterAll(() => dock[Symbol.asyncDispose]());

async function limits(): Promise<unknown> {
  const answer = await fetch(`${dock.server.url}/api/usage`);
  return ((await answer.json()) as { limits: unknown }).limits;
}

function used(percent: number, resetsAt: number): void {
  Object.assign(dock.api.headers, {
    'x-codex-primary-used-percent': String(percent),
    'x-codex-primary-window-minutes': '300',
    'x-codex-primary-reset-at': String(resetsAt),
  });
}

const hence = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const window = (used_percent: number, resets: number) => ({
  ...{ provider: 'codex', limit: 'codex', window_minutes: 300, used_percent },
  resets_at: new Date(resets * 1000).toISOString(),
});

it('is nothing before a provider has reported any', async () => {
  expect(await limits()).toEqual([]);
});

it('is what the rollout of a terminal said last', async () => {
  const resets = hence(3600);
  used(12.5, resets);
  await using run = codexExec(dock.home, 'hello');
  expect(await run.over).toBe(0);
  await vi.waitFor(
    async () => expect(await limits()).toMatchObject([window(12.5, resets)]),
    10_000,
  );
});

it('is what the engine says of a session that is steered', async () => {
  const resets = hence(7200);
  used(42, resets);
  const session = await createSteered(await dock.client(), { cwd: dock.home.project });
  await session.say('hello');
  await session.idle();
  await vi.waitFor(async () => expect(await limits()).toMatchObject([window(42, resets)]), 5000);
});

it('forgets a window when it begins anew, and takes the newest in any order', () => {
  const known = new RateLimits();
  const at = (ms: number) => new Date(ms).toISOString();
  const one = { provider: 'codex', limit: 'codex', window_minutes: 300 };
  known.note([{ ...one, used_percent: 50, resets_at: at(2000), at: at(20) }]);
  known.note([{ ...one, used_percent: 40, resets_at: at(2000), at: at(10) }]);
  expect(known.now(1999)).toMatchObject([{ used_percent: 50 }]);
  expect(known.now(2000)).toEqual([]);
});

it('reads no window out of what is none', () => {
  for (const junk of [null, 7, [], {}, { primary: 7 }, { primary: { used_percent: 'x' } }]) {
    expect(limitsFrom(junk, 0)).toEqual([]);
  }
  const snapshot = { limit_name: 'pro', secondary: { used_percent: 1, window_minutes: 10_080 } };
  expect(limitsFrom(snapshot, 0)).toEqual([
    {
      ...{ provider: 'codex', limit: 'pro', window_minutes: 10_080, used_percent: 1 },
      ...{ resets_at: null, at: '1970-01-01T00:00:00.000Z' },
    },
  ]);
});
