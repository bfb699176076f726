import { expect, it } from 'vitest';
import { OrbitError } from '../../../src/errors.ts';
import { createJoining } from '../../../src/providers/codex/thread/joining.ts';

it('a thread whose first turn is just beginning is joined once its file is made', async () => {
  const refusals = [1, 2].map(
    () =>
      new OrbitError('codex_error', {
        reason: 'thread/resume was refused: list_turns is not supported yet',
      }),
  );
  const asked: string[] = [];
  const told: string[] = [];
  const joining = createJoining({
    engine: {
      async request(method: string) {
        asked.push(method);
        const refusal = method === 'thread/resume' ? refusals.shift() : undefined;
        if (refusal) throw refusal;
        return { data: [], nextCursor: null } as never;
      },
    },
    threadId: 't',
    known: { turnId: null, isTurnOpen: false, isNew: true, outbox: [] },
    joined: () => void told.push('joined'),
    hear: () => null,
    shownTurns: async () => [],
    takenBack: () => void told.push('taken back'),
    caughtUp: () => void told.push('caught up'),
    failed: () => void told.push('failed'),
  });
  await joining.begin();
  expect(asked).toEqual(['thread/resume', 'thread/resume', 'thread/resume', 'thread/turns/list']);
  expect(told).toEqual(['joined', 'caught up']);
});
