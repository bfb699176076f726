/**
 * One Codex thread as the connector of a session: opened, listened to, asked, lost or released. What is
 * commanded is in commands.ts, what is reported in notifications.ts, questions in approval-requests.ts, the turn in
 * turn-control.ts.
 */
import type { ConnectorCommand } from '../../../../machines/session-facts.ts';
import { OrbitError } from '../../../errors.ts';
import type { AnswerRefusal, Connector, ConnectorParts, OpenedThread } from '../../provider.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { Turn } from '../protocol/generated/v2/Turn.ts';
import { createThreadCommands, type ThreadCommands } from './commands.ts';
import { createJoining, type EngineFields, type Joining } from './join-thread.ts';
import { createReports, type Reports } from './notifications.ts';
import { OpenRequests } from './open-requests.ts';
import type { Stored } from './streamed-texts.ts';
import { fieldsFrom, resumeThread, startThread } from './threads.ts';
import { createTurnControl, isUnknownThread, reasonOf, type TurnControl } from './turn-control.ts';

type CommandOf<Type extends ConnectorCommand['type']> = Extract<ConnectorCommand, { type: Type }>;

/** The commands that a Codex session takes. */
export const CAPABILITIES: ConnectorCommand['type'][] = [
  'turn.run',
  'turn.steer',
  'turn.stop',
  'turn.undo',
  'turns.rollBack',
  'context.compact',
  'approval.answer',
  'question.answer',
  'thread.rename',
  'settings.update',
];

/** What a connector of one session works with. */
export interface CodexSessionDeps extends ConnectorParts {
  engine: Engine;
  /** What the session receives about an engine that others use as well; null for our own. */
  shared: ((threadId: string) => EngineFields) | null;
}

/** What exists once the thread is open. */
interface Open {
  threadId: string;
  turns: TurnControl;
  commands: ThreadCommands;
  unlisten: () => void;
}

/** See the top of the file. */
export class CodexSession implements Connector {
  readonly attached: Promise<void>;
  readonly #deps: CodexSessionDeps;
  readonly #reports: Reports;
  readonly #requests: OpenRequests;
  /** The way in which a thread that others hold is joined. */
  #joining: Joining | null = null;
  /** When what is reported happened, milliseconds since 1970, while it is of the past. */
  #pastMs: number | undefined;
  /** Words that this connector sends and Codex has not confirmed. */
  readonly #sending = new Set<string>();
  /** The commit of what was reported last. */
  #newest: Promise<boolean> = Promise.resolve(true);
  /** A turn was stopped from here. */
  #hasStopped = false;
  #open: Open | null = null;
  /** Commands that came before the thread was open. */
  #early: ConnectorCommand[] = [];
  #isOver = false;

  /** @param begin  the command it is made for, or a thread that is open already */
  constructor(deps: CodexSessionDeps, begin: CommandOf<'thread.attach'> | OpenedThread) {
    const { port } = deps;
    const report: ConnectorParts['port']['report'] = (event) => {
      this.#newest = port.report(event, this.#pastMs);
      return this.#newest;
    };
    this.#deps = { ...deps, port: { ...port, report } };
    this.#reports = createReports({
      ...this.#deps,
      isShared: deps.shared !== null,
      isSent: (messageId) => this.#sending.has(messageId) || deps.known.outbox.includes(messageId),
      confirmed: (messageId) => {
        this.#sending.delete(messageId);
        this.#open?.commands.confirmed(messageId);
      },
    });
    this.#requests = new OpenRequests({
      ...this.#deps,
      isShared: deps.shared !== null,
      findOpen: (fits) => this.#reports.findOpen(fits),
    });
    if ('type' in begin) this.attached = this.#attach(begin);
    else {
      this.#enter(begin);
      this.attached = Promise.resolve();
    }
    // The caller gets the error; the session gets `link.failed`.
    this.attached.catch(() => {});
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  take(command: ConnectorCommand): void {
    if (this.#isOver || command.type === 'thread.attach') return;
    if ('messageId' in command) this.#sending.add(command.messageId);
    if (command.type === 'turn.stop') this.#hasStopped = true;
    const open = this.#open;
    if (command.type === 'thread.release') void this.#release();
    else if (!open) this.#keepEarly(command);
    else if (command.type === 'approval.answer' || command.type === 'question.answer') {
      this.#requests.answer(command, open.commands);
    } else open.commands.take(command);
  }

  refusalOf(command: ConnectorCommand): AnswerRefusal | null {
    if (command.type !== 'approval.answer' && command.type !== 'question.answer') return null;
    return this.#requests.refusalOf(command);
  }

  close(reason: string): void {
    this.#lost(reason);
  }

  // ---- opening and letting go ----------------------------------------------------------------------

  async #attach(command: CommandOf<'thread.attach'>): Promise<void> {
    const { port } = this.#deps;
    try {
      const opened = await this.#openThread(command);
      const { threadId, fields } = opened;
      this.#enter(opened, this.#deps.shared ? this.#join(threadId) : null);
      // What was missed comes first, then what is wanted.
      await this.#joining?.begin();
      if (this.#isOver) {
        // Released meanwhile: nothing else would release the thread.
        const { engine } = this.#deps;
        await this.#quietly('unsubscribe', () =>
          engine.request('thread/unsubscribe', { threadId }),
        );
        return;
      }
      const moved = command.settings.engine === 'shared' && { engine: 'private' as const };
      const seen = this.#deps.shared ? fields : { ...fields, ...moved };
      const link = { type: 'link.attached', capabilities: CAPABILITIES, threadId } as const;
      void port.report({ ...link, fields: seen });
      for (const early of this.#early.splice(0)) this.take(early);
    } catch (error) {
      if (!this.#isOver) {
        this.#isOver = true;
        const isHeld = error instanceof OrbitError && error.code === 'thread_busy';
        const goesOn = isHeld && { goesOn: true as const };
        void port.report({ type: 'link.failed', reason: reasonOf(error), ...goesOn });
      }
      throw error;
    }
  }

  async #openThread(command: CommandOf<'thread.attach'>): Promise<OpenedThread> {
    const { engine, shared } = this.#deps;
    const { threadId, settings, isBlank } = command;
    if (shared && threadId !== null) return { threadId, fields: shared(threadId) };
    if (threadId === null && isBlank) return startThread(engine, settings);
    if (threadId === null) {
      const reason = 'the thread of this session is not known; create a new session';
      throw new OrbitError('codex_error', { reason });
    }
    try {
      return await resumeThread(engine, threadId, settings);
    } catch (error) {
      // A thread without a turn leaves no file: where nothing was said nothing is lost.
      if (isBlank && isUnknownThread(error)) return startThread(engine, settings);
      throw error;
    }
  }

  /** Listens in the turn in which the thread was opened: nothing of it is missed. */
  #enter({ threadId }: OpenedThread, joining: Joining | null = null): void {
    const { engine } = this.#deps;
    this.#joining = joining;
    const unlisten = engine.listen(threadId, {
      notified: (report) => (joining ? joining.take({ report }) : this.#notified(report)),
      asked: (question) => (joining ? joining.take({ question }) : this.#asked(question)),
      lost: (reason) => this.#lost(reason),
    });
    const turns = createTurnControl(engine, threadId);
    const commands = createThreadCommands({ ...this.#deps, threadId, turns });
    if (this.#isOver) unlisten();
    else this.#open = { threadId, turns, commands, unlisten };
  }

  /** A thread that others hold goes on before and behind us. */
  #join(threadId: string): Joining {
    const { engine, known, port, shared } = this.#deps;
    return createJoining({
      ...{ engine, threadId, known },
      joined: ({ model, approvalPolicy, sandbox, reasoningEffort: effort, thread }) => {
        if (this.#isOver) return;
        const applied = fieldsFrom({ model, effort, approvalPolicy, sandbox });
        const fields = { ...applied, ...shared?.(threadId) };
        void port.report({ type: 'fields.updated', fields });
        if (thread.name) void port.report({ type: 'name.updated', name: thread.name });
      },
      receive: (said, atMs) => {
        if (this.#isOver) return null;
        this.#pastMs = atMs;
        try {
          return 'report' in said ? this.#notified(said.report) : this.#asked(said.question);
        } finally {
          this.#pastMs = undefined;
        }
      },
      shownTurns: async () => {
        await this.#newest;
        return await port.turnIds();
      },
      takenBack: (turns) => {
        // What we take back ourselves is sent when it is done.
        if (this.#isOver || this.#open?.commands.isTakingBack) return;
        void port.report({ type: 'thread.rolledBack', turns: turns.turnIds.length, ...turns });
      },
      caughtUp: () => {
        if (this.#isOver) return;
        const [requestIds, messageIds] = [this.#requests.ids, [...this.#sending]];
        void port.report({ type: 'thread.listed', requestIds, messageIds });
      },
      failed: (error) => this.#lost(reasonOf(error), false),
    });
  }

  /** Only words can wait; a stop means those that do. */
  #keepEarly(command: ConnectorCommand): void {
    if (command.type !== 'turn.stop') {
      this.#early.push(command);
      return;
    }
    for (const early of this.#early.splice(0)) {
      if (!('messageId' in early)) continue;
      const changes = { tool_output: 'failed: stopped before it was sent', is_error: true };
      const update = { messageId: early.messageId, changes };
      void this.#deps.port.report({ type: 'message.changed', update });
    }
  }

  async #release(): Promise<void> {
    const open = this.#fallSilent();
    if (!open) return;
    const { threadId, turns, unlisten } = open;
    const { engine } = this.#deps;
    await this.#quietly('stop', async () => {
      if (!turns.isBusy) return;
      await turns.stop();
      await engine.request('thread/backgroundTerminals/clean', { threadId });
    });
    unlisten();
    await this.#quietly('unsubscribe', () => engine.request('thread/unsubscribe', { threadId }));
  }

  /** @param goesOn  the thread does, as far as it is known: it was only our way to it */
  #lost(reason: string, goesOn = this.#deps.shared !== null): void {
    // While the thread is being opened, the request fails and says it.
    if (this.#isOver || !this.#open) return;
    const open = this.#fallSilent();
    open?.unlisten();
    open?.turns.ended();
    void this.#deps.port.report({ type: 'link.lost', reason, ...(goesOn && { goesOn }) });
  }

  /** What was shown of open texts is committed; nothing more is reported. */
  #fallSilent(): Open | null {
    this.#isOver = true;
    this.#reports.cut();
    this.#open?.commands.mute();
    return this.#open;
  }

  /** For what no caller waits for: a failure is logged. */
  async #quietly(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const { sessionId, log } = this.#deps;
      log.warn('codex.tidy_up_failed', { session_id: sessionId, what, error: reasonOf(error) });
    }
  }

  // ---- what comes ----------------------------------------------------------------------------------

  #notified(notification: ServerNotification): Stored {
    const { method, params } = notification;
    if (method === 'turn/started') this.#open?.turns.started(params.turn.id);
    if (method === 'turn/completed') this.#turnEnded(params.turn);
    if (method === 'thread/closed' && this.#deps.shared) return this.#closed();
    if (method === 'thread/closed') this.#lost('Codex closed the thread');
    if (this.#isOver) return null;
    if (method === 'serverRequest/resolved') return this.#requests.settled(params.requestId);
    return this.#reports.notified(notification);
  }

  /** Its holder has released it: the session is over until it is opened again. */
  #closed(): Stored {
    if (this.#isOver) return null;
    return this.#deps.port.report({ type: 'session.ended', reason: 'closed' });
  }

  #turnEnded({ id, status }: Turn): void {
    const open = this.#open;
    if (!open) return;
    const { threadId, turns, commands } = open;
    turns.ended(id);
    commands.turnEnded();
    const isOurs = this.#hasStopped || this.#deps.shared === null;
    this.#hasStopped = false;
    // What another client stopped is cleaned up there.
    if (status !== 'interrupted' || this.#isOver || !isOurs) return;
    // An interrupt leaves the running command alive: nothing of a stopped turn goes on.
    const { engine } = this.#deps;
    void this.#quietly('clean', () =>
      engine.request('thread/backgroundTerminals/clean', { threadId }),
    );
  }

  #asked(question: ServerRequest): void {
    this.#requests.asked(question, this.#isOver ? null : (this.#open?.threadId ?? ''));
  }
}
