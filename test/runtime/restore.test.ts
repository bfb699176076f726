import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { storedForm } from '../../machines/step.ts';
import { MAX_TAIL } from '../../src/runtime/ledger/item.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { savedOf } from '../../src/runtime/sessions/registry.ts';
import type { StoredActor } from '../../src/store/writer-messages.ts';
import { prompted, stopped, toolBegan, toolEnded } from '../machines/events.ts';
import { diceOf, hookWalk } from '../machines/hook-walks.ts';
import { ID, newSession } from '../machines/session-after.ts';
import { openTestRuntime, type TestRuntime } from './test-runtime.ts';

async function sendEvent(
  { runtime }: TestRuntime,
  live: LiveSession,
  event: SessionEvent,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error: Error | null) => (error ? reject(error) : resolve());
    runtime.ledger.send(live, { event, origin: 'hook', key: null, settle });
  });
}

async function storedIn({ writer }: TestRuntime): Promise<StoredActor> {
  const { stored } = await writer.read({ kind: 'actor', sessionId: ID });
  if (!stored) throw new Error('not stored');
  return stored;
}

/** The session after its first event. */
async function aSession(test: TestRuntime): Promise<LiveSession> {
  const live = test.runtime.registry.create({ session: newSession(), isNew: true, turnCount: 0 });
  await sendEvent(test, live, prompted(1));
  return live;
}

/** JSON safe, as the disk would give it back. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('what is stored', () => {
  it.each([1, 2, 3, 4])(
    'gives back the machine as it was after any event of a walk (seed %i)',
    async (seed) => {
      await using test = await openTestRuntime();
      const live = await aSession(test);
      let folded = 0;
      for (const event of hookWalk(seed, 12, diceOf(seed)(2) === 0, true)) {
        await sendEvent(test, live, event);
        const stored = await storedIn(test);
        if (stored.tail.length > 0) folded++;
        const saved = savedOf(stored);
        expect(plain(saved && storedForm(saved))).toEqual(plain(storedForm(live.head.snapshot)));
      }
      expect(folded).toBeGreaterThan(0);
    },
  );

  it('never has more to fold than a moment takes, however often the session rests', async () => {
    const first = await openTestRuntime();
    await aSession(first);
    await using test = await first.restart();
    let longest = 0;
    for (let n = 0; n < 2 * MAX_TAIL; n++) {
      await test.runtime.registry.enter(ID, async ({ live }) => {
        if (!live) throw new Error('gone');
        await sendEvent(
          test,
          live,
          n % 2 === 0 ? toolBegan(n + 10, `t${n}`) : toolEnded(n + 10, `t${n - 1}`),
        );
      });
      longest = Math.max(longest, (await storedIn(test)).tail.length);
      test.runtime.registry.passivate(-1);
    }
    expect(longest).toBe(MAX_TAIL);
  });

  it('is folded again after a restart in the middle of a turn', async () => {
    const first = await openTestRuntime();
    const live = await aSession(first);
    for (let n = 2; n < 8; n++) await sendEvent(first, live, toolBegan(n, `t${n}`));
    const before = plain(storedForm(live.head.snapshot));
    await using second = await first.restart();
    const again = second.runtime.registry.peek(ID);
    expect(plain(again && storedForm(again.head.snapshot))).toEqual(before);
    expect(again?.actor?.getSnapshot()).toBe(again?.head.snapshot);
  });
});

describe('a snapshot that cannot be used', () => {
  const damages: Array<[string, (json: string) => string]> = [
    ['broken JSON', (json) => json.slice(0, json.length / 2)],
    ['no JSON at all', () => '\u0000\u0001'],
    ['null', () => 'null'],
    ['a number', () => '7'],
    ['an empty object', () => '{}'],
    ['an empty list', () => '[]'],
    ['a state that does not exist', (json) => json.replace('"turn":"open"', '"turn":"reviewing"')],
    ['no states', (json) => JSON.stringify({ ...JSON.parse(json), value: null })],
    ['no context', (json) => JSON.stringify({ ...JSON.parse(json), context: undefined })],
    ['an empty context', (json) => JSON.stringify({ ...JSON.parse(json), context: {} })],
    ['half a turn', (json) => json.replace(/"turn":\{[^}]*\}/, '"turn":{"open":true}')],
    ['lists of nothing', (json) => json.replace(/"tools":\[[^\]]*\]/, '"tools":[null]')],
    ['another session', (json) => json.replaceAll(ID, 'somebody-else')],
    ['a machine that stopped', (json) => json.replace('"status":"active"', '"status":"stopped"')],
  ];

  it.each(damages)(
    '%s: the session goes on from its columns, and so do all others',
    async (_, damage) => {
      const first = await openTestRuntime();
      const live = await aSession(first);
      await sendEvent(first, live, toolBegan(2, 't1'));
      const { paths } = first;
      await first.writer.close();
      const database = new Database(paths.database);
      const [snapshot] = database.prepare('SELECT snapshot FROM machines').pluck().all() as [
        string,
      ];
      const damaged = damage(snapshot);
      expect(damaged).not.toBe(snapshot);
      database.prepare('UPDATE machines SET snapshot = ?').run(damaged);
      database.close();
      await using second = await openTestRuntime(paths.dir);
      const again = second.runtime.registry.peek(ID);
      expect(again?.head.snapshot.hasTag('working')).toBe(true);
      if (!again) throw new Error('gone');
      await sendEvent(second, again, toolEnded(3, 't1'));
      await sendEvent(second, again, stopped(4));
      const { stored } = await second.writer.read({ kind: 'actor', sessionId: ID });
      expect(stored?.summary.work_status).toBe('waiting');
      expect(savedOf(stored as StoredActor)).not.toBeNull();
    },
  );
});
