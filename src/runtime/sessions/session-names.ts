/**
 * Has a model name sessions that have no name yet, one after another, each once in the life of the
 * process. Exists only where it was asked for. The name is the session's `summary`: whatever a person or
 * the provider calls it stays.
 */
import type { Logger } from '../../log.ts';
import type { Namer } from '../../providers/provider.ts';
import type { LiveSession } from './live-session.ts';
import type { Sessions } from './sessions.ts';

/** Names sessions. */
export interface SessionNames {
  /** Something was committed for this session; looks whether it wants a name. Cheap. */
  onCommitted(live: LiveSession): void;
  /** Names no more; what is under way is given up. */
  close(): void;
}

interface SessionNamesDeps {
  namer: Namer;
  sessions: Pick<Sessions, 'sendTo'>;
  log: Logger;
}

/** More at once would be a storm of turns after a restart of many sessions. */
const MAX_WAITING = 20;
const NAMING_MS = 60_000;

/** Names by this namer. */
export function createSessionNames({ namer, sessions, log }: SessionNamesDeps): SessionNames {
  const tried = new Set<string>();
  const waiting: { id: string; prompt: string }[] = [];
  const end = new AbortController();
  let isBusy = false;

  async function work(): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    for (let next = waiting.shift(); next; next = waiting.shift()) await nameOne(next);
    isBusy = false;
  }

  async function nameOne({ id, prompt }: { id: string; prompt: string }): Promise<void> {
    try {
      const signal = AbortSignal.any([end.signal, AbortSignal.timeout(NAMING_MS)]);
      const name = await namer.name(prompt, signal);
      log.info('naming.done', { session_id: id, named: name !== null });
      if (name === null || end.signal.aborted) return;
      await sessions.sendTo(id, 'server', (at, { session }) => ({
        type: 'fields.updated',
        at,
        // Named meanwhile: that name is the better one.
        fields: isNamed(session) ? {} : { summary: name },
      }));
    } catch (error) {
      // A session without a name shows its prompt, as all do where naming is off.
      if (!end.signal.aborted) log.warn('naming.failed', { session_id: id, error: error as Error });
    }
  }

  return {
    onCommitted({ id, head }) {
      if (tried.has(id) || end.signal.aborted) return;
      const { session } = head.snapshot.context;
      const prompt = session.first_prompt?.trim() ?? '';
      // A command of the CLI or what it says in its user's name shows nothing of the work.
      if (prompt.length < 3 || /^[/<!]/.test(prompt) || isNamed(session)) return;
      tried.add(id);
      if (waiting.length < MAX_WAITING) waiting.push({ id, prompt });
      void work();
    },
    close: () => end.abort(),
  };
}

function isNamed(session: { summary?: string; custom_name?: string }): boolean {
  return session.summary !== undefined || session.custom_name !== undefined;
}
