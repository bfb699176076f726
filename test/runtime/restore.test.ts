import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { MAX_TAIL } from '../../src/runtime/ledger/moment.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { savedOf } from '../../src/runtime/sessions/restore.ts';
import type { StoredActor } from '../../src/store/items.ts';
import { prompted, toolBegan, toolEnded } from '../machines/events.ts';
import { diceOf, hookWalk } from '../machines/hook-walks.ts';
import { ID, newSession } from '../machines/stage.ts';
import { openHouse, type TestHouse } from './house.ts';

async function tell({ house }: TestHouse, live: LiveSession, event: SessionEvent): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error: Error | null) => (error ? reject(error) : resolve());
    house.ledger.tell(live, { event, origin: 'hook', key: null, settle });
  });
}

async function storedIn({ writer }: TestHouse): Promise<StoredActor> {
  const { stored } = await writer.read({ kind: 'actor', sessionId: ID });
  if (!stored) throw new Error('not stored');
  return stored;
}

/** The session, told its first event. */
async function aSession(test: TestHouse): Promise<LiveSession> {
  const live = test.house.registry.create({ session: newSession(), isNew: true, turnCount: 0 });
  await tell(test, live, prompted(1));
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
      await using test = await openHouse();
      const live = await aSession(test);
      let folded = 0;
      for (const event of hookWalk(seed, 12, diceOf(seed)(2) === 0, true)) {
        await tell(test, live, event);
        const stored = await storedIn(test);
        if (stored.tail.length > 0) folded++;
        expect(plain(savedOf(stored))).toEqual(plain(live.committed?.persist()));
      }
      expect(folded).toBeGreaterThan(0);
    },
  );

  it('never has more to fold than a moment takes, however often the session rests', async () => {
    const first = await openHouse();
    await aSession(first);
    await using test = await first.restart();
    let longest = 0;
    for (let n = 0; n < 2 * MAX_TAIL; n++) {
      await test.house.registry.enter(ID, async ({ live }) => {
        if (!live) throw new Error('gone');
        await tell(
          test,
          live,
          n % 2 === 0 ? toolBegan(n + 10, `t${n}`) : toolEnded(n + 10, `t${n - 1}`),
        );
      });
      longest = Math.max(longest, (await storedIn(test)).tail.length);
      test.house.registry.passivate(-1);
    }
    expect(longest).toBe(MAX_TAIL);
  });

  it('is folded again after a restart in the middle of a turn', async () => {
    const first = await openHouse();
    const live = await aSession(first);
    for (let n = 2; n < 8; n++) await tell(first, live, toolBegan(n, `t${n}`));
    const before = plain(live.committed?.persist());
    await using second = await first.restart();
    const again = second.house.registry.peek(ID);
    expect(plain(again?.committed?.persist())).toEqual(before);
    expect(plain(again?.actor.getPersistedSnapshot())).toEqual(before);
  });
});
