/** The namespace `/inspect` on a real port: greeting, watching, questions, and what it refuses. */
import { io, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import type {
  InspectClientEvents,
  InspectHello,
  InspectRecord,
  InspectRequests,
  InspectRow,
  InspectServerEvents,
} from '../../src/protocol/inspect.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { createInbox } from '../support/inbox.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { sessionWithPermission } from './setup.ts';

async function openServer(): Promise<TestServer> {
  const server = await startTestServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

type Answered<N extends keyof InspectRequests> = Extract<InspectRequests[N][1], { ok: true }>;

function openPage(url: string) {
  const socket: Socket<InspectServerEvents, InspectClientEvents> = io(`${url}/inspect`, {
    transports: ['websocket'],
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
    forceNew: true,
  });
  onTestFinished(() => void socket.disconnect());
  const hellos = createInbox<InspectHello>('hello');
  const rows = createInbox<InspectRow>('rows');
  const records = createInbox<InspectRecord>('records');
  socket.on('hello', (hello) => hellos.add(hello));
  socket.on('rows', (changed) => {
    for (const row of changed) rows.add(row);
  });
  socket.on('records', (_, received) => {
    for (const record of received) records.add(record);
  });
  const ask = <N extends keyof InspectRequests>(
    name: N,
    request: InspectRequests[N][0],
  ): Promise<InspectRequests[N][1]> =>
    (socket as unknown as { emitWithAck(name: string, request: unknown): Promise<never> })
      // The typed client wants one overload for each name.
      .emitWithAck(name, request);
  const must = async <N extends keyof InspectRequests>(
    name: N,
    request: InspectRequests[N][0],
  ): Promise<Answered<N>> => {
    const answer = await ask(name, request);
    if (!answer.ok) throw new Error(`${name}: ${answer.code} ${answer.message}`);
    return answer as Answered<N>;
  };
  return { socket, hellos, rows, records, ask, must };
}

describe('the namespace /inspect', () => {
  it('sends who it is and all sessions, then rows that change', async () => {
    const { url } = await openServer();
    for (const hook of sessionWithPermission('old')) await deliver(url, hook);
    const page = openPage(url);
    const hello = await page.hellos.waitFor(() => true);
    expect(hello).toMatchObject({ protocol: 1, scopes: ['read', 'control'], sessions: 1 });
    expect(hello.machines.map(({ id }) => id)).toEqual(['session', 'supervisor']);
    expect(hello.rows[0]).toMatchObject({
      id: 'old',
      name: 'shop',
      path: [
        'phase.active.turn.closed',
        'phase.active.agents.none',
        'phase.active.requests.none',
        'link.passive',
      ],
      lastEvent: 'turn.completed',
      seq: 5,
      live: true,
    });
    await deliver(url, scriptOf('new').prompt('go'));
    const row = await page.rows.waitFor(({ id }) => id === 'new');
    expect(row).toMatchObject({
      work_status: 'working',
      path: expect.arrayContaining(['phase.active.turn.open', 'link.passive']),
    });
  });

  it('shows in its rows what a session is about and what it waits for, before and after a restart', async () => {
    const server = await openServer();
    const script = scriptOf('asking');
    await deliver(server.url, script.prompt('Store totals as cents. Keep the API as it is.'));
    const page = openPage(server.url);
    await page.hellos.waitFor(() => true);
    const questions = [
      { question: 'Which time zone?', header: 'Zone', options: [], multiSelect: false },
      { question: 'Which reports?', header: 'Reports', options: [], multiSelect: true },
    ];
    const hook = { ...script.prompt('x'), hook_event_name: 'PermissionRequest' };
    const asked = { tool_name: 'AskUserQuestion', tool_input: { questions } };
    await deliver(server.url, { ...hook, ...asked, prompt: undefined } as never);
    const live = await page.rows.waitFor(({ waiting }) => waiting !== null);
    expect(live).toMatchObject({
      title: 'Store totals as cents',
      project: 'shop',
      steered: false,
      waiting: {
        type: 'question',
        text: 'Which time zone?',
        questions: 2,
        tool: 'AskUserQuestion',
      },
    });
    expect(live.waiting?.since).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
    await server.restart();
    const fresh = openPage(server.url);
    const { rows } = await fresh.hellos.waitFor(() => true);
    const kept = ['id', 'name', 'title', 'project', 'branch', 'model', 'waiting'] as const;
    for (const field of kept) expect([field, rows[0]?.[field]]).toEqual([field, live[field]]);
  });

  it('shows in its rows what a session works on, and prose without marks of Markdown', async () => {
    const { url } = await openServer();
    const script = scriptOf('busy');
    const page = openPage(url);
    await page.hellos.waitFor(() => true);
    await deliver(url, script.prompt('## Fix **the** [importer](https://example.com). It fails.'));
    const use = { ...script.prompt('x'), prompt: undefined, hook_event_name: 'PreToolUse' };
    const tool = { tool_name: 'Bash', tool_use_id: 't1', tool_input: { command: 'npm test' } };
    await deliver(url, { ...use, ...tool } as never);
    const row = await page.rows.waitFor(({ doing }) => doing != null);
    expect(row).toMatchObject({
      title: 'Fix the importer',
      doing: { tool: 'Bash', text: 'npm test' },
      agents: 0,
    });
    expect(row.working_since).toMatch(/Z$/);
  });

  it('hides secrets in what its rows show', async () => {
    const { url } = await openServer();
    const secret = `ghp_${'a1B2c3D4e5'.repeat(4)}`;
    await deliver(url, scriptOf('told').prompt(`Push with ${secret} please`));
    const page = openPage(url);
    const { rows } = await page.hellos.waitFor(() => true);
    expect(rows[0]?.title).toContain('Push with');
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('sends records of a watched session without hole or repetition, of others none', async () => {
    const { url } = await openServer();
    const script = scriptOf('s1');
    await deliver(url, script.prompt('go'));
    const page = openPage(url);
    const posts = Array.from({ length: 30 }, (_, at) => deliver(url, script.toolStarts(`t${at}`)));
    const watched = await page.must('watch', { session: 's1' });
    await Promise.all(posts);
    await deliver(url, scriptOf('s2').prompt('go'));
    await deliver(url, script.stop());
    await page.records.waitFor(({ event }) => event.type === 'turn.completed');
    const all = [...watched.records, ...page.records.items];
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, at) => at + 1));
    expect(all).toHaveLength(32);
    expect(all.every(({ edges, session }) => edges !== null && session === 's1')).toBe(true);
  });

  it('brings a page up to date after a restart: same numbers, another boot', async () => {
    const server = await openServer();
    const script = scriptOf('s1');
    const page = openPage(server.url);
    const first = await page.hellos.waitFor(() => true);
    await deliver(server.url, script.prompt('go'));
    const before = await page.must('watch', { session: 's1' });
    await server.restart();
    const second = await page.hellos.waitFor(({ boot }) => boot !== first.boot);
    expect(second.epoch).toBe(first.epoch);
    await deliver(server.url, script.toolStarts('t1'));
    const after = await page.must('watch', { session: 's1', sinceSeq: before.last });
    expect(after).toMatchObject({ gap: false, first: 1 });
    expect(after.records.map(({ seq }) => seq)).toEqual([2]);
  });

  it('answers moments, reasons, possibilities, dry runs, exports and stats', async () => {
    const { url } = await openServer();
    for (const hook of sessionWithPermission('s1')) await deliver(url, hook);
    const { must } = openPage(url);
    expect((await must('at', { session: 's1', seq: 3 })).event.type).toBe('approval.requested');
    const why = await must('why', { session: 's1', state: 'session.phase.active.turn.closed' });
    expect(why.entered).toMatchObject({ seq: 5, event: 'turn.completed' });
    const next = await must('next', { session: 's1', seq: 3 });
    expect(next.events.find(({ event }) => event === 'turn.started')?.verdict).toBe('possible');
    const run = await must('dryRun', { session: 's1', seq: 1, event: { type: 'link.requested' } });
    expect(run).toMatchObject({ possible: false, reason: expect.stringContaining('detached') });
    expect((await must('history', { session: 's1', limit: 2 })).records).toHaveLength(2);
    expect((await must('export', { session: 's1' })).jsonl).toMatch(
      /^{"kind":"orbitdock.incident"/,
    );
    expect((await must('chart', { machine: 'session', format: 'mermaid' })).text).toContain(
      'closed',
    );
    expect(await must('stats', {})).toMatchObject({ pages: 1, errors: 0, liveSessions: 1 });
  });

  it('refuses with a code and a sentence, and never breaks', async () => {
    const { url } = await openServer();
    const { ask } = openPage(url);
    const refusals = await Promise.all([
      ask('watch', { session: 'nobody' }),
      ask('at', { session: 'nobody', seq: 1 }),
      ask('at', { session: '../x', seq: 1 }),
      ask('at', { session: 's1', seq: -1 }),
      ask('at', null as never),
      ask('chart', { machine: 'session', format: 'png' as never }),
      ask('chart', { machine: 'nobody', format: 'json' }),
      ask('export', { session: 'nobody' }),
    ]);
    expect(refusals.map((answer) => (answer.ok ? 'ok' : answer.code))).toEqual([
      'not_found',
      'not_found',
      'bad_request',
      'bad_request',
      'bad_request',
      'bad_request',
      'not_found',
      'not_found',
    ]);
  });

  it('sends an event to a live session and sends its record, and refuses one without a schema', async () => {
    const { url } = await openServer();
    await deliver(url, scriptOf('s1').prompt('go'));
    const page = openPage(url);
    const { sendable } = await page.hellos.waitFor(() => true);
    expect(sendable).toContain('turn.aborted');
    await page.ask('watch', { session: 's1' });
    const event = { type: 'turn.aborted', reason: 'by hand' };
    expect(await page.ask('send', { session: 's1', event })).toMatchObject({
      ok: true,
      accepted: true,
      value: { phase: { active: { turn: 'closed' } } },
    });
    const record = await page.records.waitFor(({ origin }) => origin === 'visualizer');
    expect(record).toMatchObject({ event: { type: 'turn.aborted' }, changed: true });
    expect(await page.ask('send', { session: 's1', event: { type: 'xstate.init' } })).toMatchObject(
      {
        ok: false,
        code: 'bad_request',
      },
    );
  });

  it('lets nobody watch more than four sessions at once', async () => {
    const { url } = await openServer();
    for (const id of ['a', 'b', 'c', 'd', 'e']) await deliver(url, scriptOf(id).prompt('go'));
    const { ask, must } = openPage(url);
    for (const session of ['a', 'b', 'c', 'd']) await must('watch', { session });
    const fifth = await ask('watch', { session: 'e' });
    expect(fifth).toMatchObject({ ok: false, code: 'too_many_subscriptions' });
    await must('unwatch', { session: 'a' });
    await must('watch', { session: 'e' });
    expect((await must('stats', {})).watched).toBe(4);
  });
});
