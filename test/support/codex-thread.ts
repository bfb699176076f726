/**
 * One thread of the real engine as a test sees it: what was reported, what was asked, and words to say.
 */
import type { Engine, Methods, ThreadListener } from '../../src/providers/codex/engine/engine.ts';
import type { ServerNotification } from '../../src/providers/codex/protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../../src/providers/codex/protocol/generated/ServerRequest.ts';
import type { ThreadItem } from '../../src/providers/codex/protocol/generated/v2/ThreadItem.ts';
import type { Turn } from '../../src/providers/codex/protocol/generated/v2/Turn.ts';
import { createInbox, type Inbox } from './inbox.ts';

/** A thread that is listened to. */
export interface TestThread {
  readonly id: string;
  readonly reports: Inbox<ServerNotification>;
  readonly questions: Inbox<ServerRequest>;
  /** Reasons for which the thread was lost. */
  readonly losses: Inbox<string>;
  /** Starts a turn; lines of a script are given one by one. Returns the turn's id. */
  say(...lines: string[]): Promise<string>;
  /** Settles when this turn, or the first one, is over. */
  turnOver(turnId?: string): Promise<Turn>;
  /** Finished items of one type. */
  items<Type extends ThreadItem['type']>(type: Type): Extract<ThreadItem, { type: Type }>[];
  stopListening(): void;
}

/** Starts a thread and listens to it. */
export async function startThread(
  engine: Engine,
  params: Methods['thread/start']['params'],
): Promise<TestThread> {
  const { thread } = await engine.request('thread/start', params);
  return listenToThread(engine, thread.id);
}

/** Listens to a thread that exists. */
export function listenToThread(engine: Engine, id: string): TestThread {
  const reports = createInbox<ServerNotification>(`reports of ${id}`);
  const questions = createInbox<ServerRequest>(`questions of ${id}`);
  const losses = createInbox<string>(`losses of ${id}`);
  const listener: ThreadListener = {
    notified: (notification) => reports.add(notification),
    asked: (request) => questions.add(request),
    lost: (reason) => losses.add(reason),
  };
  const stopListening = engine.listen(id, listener);
  return {
    id,
    reports,
    questions,
    losses,
    stopListening,
    async say(...lines) {
      const input = [{ type: 'text' as const, text: lines.join('\n'), text_elements: [] }];
      const { turn } = await engine.request('turn/start', { threadId: id, input });
      return turn.id;
    },
    async turnOver(turnId) {
      const report = await reports.waitFor(
        (report): report is Extract<ServerNotification, { method: 'turn/completed' }> =>
          report.method === 'turn/completed' &&
          (turnId === undefined || report.params.turn.id === turnId),
      );
      return report.params.turn;
    },
    items(type) {
      return reports.items.flatMap((report) => {
        if (report.method !== 'item/completed') return [];
        const { item } = report.params;
        return item.type === type ? [item as Extract<ThreadItem, { type: typeof type }>] : [];
      });
    },
  };
}
