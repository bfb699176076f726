/**
 * The terminal and a client decide at the same time, or one of them is gone: exactly one decision counts, the
 * terminal never waits for us, and no process stays behind.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { ApprovalRequest } from '../../src/protocol/nouns.ts';
import type { ApprovalHistoryItem } from '../../src/protocol/reply-nouns.ts';
import { type AskedClient, askedClient, hooksOf, noHookIsLeft } from './answering-client.ts';
import { type BuiltServer, startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});
const isThere = ({ home }: Scenario<BuiltServer>, name: string) =>
  existsSync(join(home.project, name));

test('the terminal is first: the hook is let go, and a client that comes late gets the decision', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  // A command that runs on: only the registry shows that it was allowed.
  stage.api.script('allow it', [bash('touch one; sleep 5'), { text: 'It ran.' }]);
  stage.api.script('refuse it', [bash('touch two'), { text: 'Not reached.' }]);
  const claude = await stage.openClaude();

  await claude.say('allow it');
  const allowed = await person.asked();
  await claude.decide('Enter');
  await person.settled(allowed);
  await noHookIsLeft(stage.listener);
  await vi.waitFor(() => expect(isThere(stage, 'one')).toBe(true), 10_000);
  expect(await person.decide(allowed, { decision: 'denied', interrupt: true })).toBe(
    'already_resolved',
  );
  await claude.waitFor(/It ran\./);
  const ran = await person.settled(allowed, ({ decision }) => decision === 'approved');
  expect(ran.decided_by).toBeUndefined();

  await claude.say('refuse it');
  const refused = await person.asked();
  await claude.decide('Escape');
  expect((await person.settled(refused)).decided_by).toBeUndefined();
  await noHookIsLeft(stage.listener);
  expect(await person.decide(refused, { decision: 'approved' })).toBe('already_resolved');
  expect(isThere(stage, 'two')).toBe(false);
});

test('the server is killed while a hook waits: the hook goes, and the terminal decides', async () => {
  await using stage = await openScenario(startWatchingServer);
  const { listener } = stage;
  await using person = await askedClient(listener.url);
  stage.api.script('go on', [bash('touch one'), bash('touch two'), { text: 'Both there.' }]);
  const claude = await stage.openClaude();

  await claude.say('go on');
  const before = await person.asked();
  await claude.waitFor(/❯ 1\. Yes/);
  await vi.waitFor(() => expect(hooksOf(listener).length).toBeGreaterThan(0));
  await listener.kill();
  await noHookIsLeft(listener);
  await listener.up();
  await using again = await askedClient(listener.url);
  const shown = await openOf(again, before.session_id);
  expect(shown?.id).toBe(before.id);
  expect(shown?.answerable).toBeUndefined();
  expect(await again.decide(before, { decision: 'approved' })).toBe('watched_only');

  await claude.decide('Enter');
  await vi.waitFor(() => expect(isThere(stage, 'one')).toBe(true), 20_000);
  // What it asks next can be answered again.
  await claude.waitFor(/touch two/);
  const next = await again.client.waitFor(
    (m) => m.type === 'approval_requested' && m.request.answerable === true,
  );
  if (next.type !== 'approval_requested') throw new Error('unreachable');
  await listener.down();
  await noHookIsLeft(listener);
  await claude.decide('Enter', /touch two/);
  await claude.waitFor(/Both there\./);
  await listener.up();
});

test('the CLI is killed while its hook waits: the hook goes too', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  stage.api.script('go on', [bash('touch one'), { text: 'Not reached.' }]);
  const claude = await stage.openClaude();

  await claude.say('go on');
  await person.asked();
  await vi.waitFor(() => expect(hooksOf(stage.listener).length).toBeGreaterThan(0));
  process.kill(pidIn(stage), 'SIGKILL');
  await person.client.waitFor(({ type }) => type === 'session_ended');
  await noHookIsLeft(stage.listener);
});

const RACES = Number(process.env.ORBITDOCK_TEST_RACES ?? 24);

test(`${RACES} races of the terminal against a client have one winner each`, async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  for (let n = 0; n < RACES; n++) {
    stage.api.script(`race ${n}.`, [bash(`touch made-${n}`), { text: `Over ${n}.` }]);
  }
  await using received = await collectDecisions();
  const claude = await stage.openClaude(received.env);
  const ends: string[] = [];
  for (let n = 0; n < RACES; n++) {
    const key = n % 2 === 0 ? 'Enter' : 'Escape';
    const decision = n % 4 < 2 ? 'denied' : 'approved';
    await sayAfterKey(claude, `race ${n}.`);
    const request = await person.asked();
    await claude.waitFor(
      (screen) => screen.includes(`touch made-${n}`) && /❯ 1\. Yes/.test(screen),
    );
    // From the client well ahead to the terminal well ahead.
    const lead = ((n % 8) - 4) * 60;
    const [code] = await Promise.all([
      pause(Math.max(0, lead)).then(() => person.decide(request, { decision })),
      pause(Math.max(0, -lead)).then(() => claude.press(key)),
    ]);
    await noHookIsLeft(stage.listener);
    await vi.waitFor(
      async () => expect(await statusOf(person, request.session_id)).toBe('waiting'),
      {
        timeout: 20_000,
        interval: 200,
      },
    );
    const first = await received.firstOf(toolUses(stage.home.home).get(`touch made-${n}`));
    // What Esc cut off at once may leave no trace of who had decided it before: then no word is said.
    const words = first.startsWith('accept') ? ['approved'] : ['denied', 'cancelled'];
    if (key === 'Escape') words.push('unknown');
    // A client is named only for what it decided: where its decision was the first that the CLI took.
    const isCredited = first === `${verb(decision)} hook`;
    const item = await historyOf(
      person,
      request,
      (one) => words.includes(one.decision ?? '') && (one.decided_by === undefined || isCredited),
    );
    const ran = isThere(stage, `made-${n}`);
    const end = `${n}: ${key} against ${decision} (${lead} ms): ran ${ran}, CLI says ${first}, ${item.decision} by ${item.decided_by ? 'client' : 'terminal'}, client told ${code}`;
    ends.push(end);
    if (item.decided_by)
      expect([first, item.decision], end).toEqual([`${verb(decision)} hook`, decision]);
    if (ran) expect(first, end).toMatch(/^accept /);
    if (code !== null) expect(item.decided_by, end).toBeUndefined();
    expect(words, end).toContain(item.decision);
  }
  console.log(ends.join('\n'));
}, 900_000);

/** A key that follows Esc at once can be read as one with it: what is typed is typed again then. */
async function sayAfterKey(
  claude: Awaited<ReturnType<Scenario<BuiltServer>['openClaude']>>,
  text: string,
) {
  await claude.say(text).catch(async () => {
    await claude.press('C-u');
    await claude.say(text);
  });
}

const verb = (decision: string) => (decision === 'approved' ? 'accept' : 'reject');

/** The only witness that names who decided, whatever came of it: each decision of the CLI itself. */
async function collectDecisions() {
  const first = new Map<string, string>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    response.end('{}');
    for (const record of recordsIn(JSON.parse(body))) {
      const field = (name: string) =>
        record.attributes.find(({ key }) => key === name)?.value.stringValue;
      if (field('event.name') !== 'tool_decision') continue;
      const tool = field('tool_use_id');
      // What is reported of it later is of an answer that came too late.
      if (tool !== undefined && !first.has(tool))
        first.set(tool, `${field('decision')} ${field('source')}`);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      CLAUDE_CODE_ENABLE_TELEMETRY: '1',
      DISABLE_TELEMETRY: '',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_LOGS_EXPORT_INTERVAL: '200',
    },
    firstOf: (tool: string | undefined) =>
      vi.waitFor(
        () => {
          const found = first.get(tool ?? '');
          if (found === undefined)
            throw new Error(`no decision of ${tool} was reported: ${[...first.keys()]}`);
          return found;
        },
        { timeout: 20_000, interval: 100 },
      ),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A record of OpenTelemetry's logs, as far as it is read here. */
interface LogRecord {
  attributes: { key: string; value: { stringValue?: string } }[];
}

function recordsIn(body: { resourceLogs?: { scopeLogs?: { logRecords?: LogRecord[] }[] }[] }) {
  const scopes = (body.resourceLogs ?? []).flatMap(({ scopeLogs }) => scopeLogs ?? []);
  return scopes.flatMap(({ logRecords }) => logRecords ?? []);
}

/** The ids of the tool uses in the home's only transcript, by their command. */
function toolUses(home: string): Map<string, string> {
  const projects = join(home, '.claude', 'projects');
  const [name = ''] = readdirSync(projects, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.jsonl'),
  );
  const lines = readFileSync(join(projects, name), 'utf8').split('\n').filter(Boolean);
  const blocks = lines.flatMap((line) => JSON.parse(line).message?.content ?? []);
  return new Map(
    blocks
      .filter(({ type }) => type === 'tool_use')
      .map(({ input, id }) => [input.command as string, id as string]),
  );
}

/** The process of the only CLI that lives in the stage's home. */
function pidIn({ home }: Scenario<BuiltServer>): number {
  const folder = join(home.home, '.claude', 'sessions');
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return Number(JSON.parse(readFileSync(join(folder, name), 'utf8')).pid);
}

async function snapshotOf({ client }: AskedClient, session_id: string) {
  const from = client.messages.length;
  client.send({ type: 'subscribe_session', session_id, message_limit: 0 });
  await client.waitFor((m) => client.messages.indexOf(m) >= from && m.type === 'session_snapshot');
  const found = client.messages.slice(from).find(({ type }) => type === 'session_snapshot');
  if (found?.type !== 'session_snapshot') throw new Error('no snapshot came');
  return found.session;
}

const openOf = async (person: AskedClient, id: string) =>
  (await snapshotOf(person, id)).pending_approval;

const statusOf = async (person: AskedClient, id: string) =>
  (await snapshotOf(person, id)).work_status;

/**
 * The history's entry of a request, once it `fits`: the report that says how it was decided may come a moment after
 * the one that it is over. What it says in the end, where it never does.
 */
async function historyOf(
  { client }: AskedClient,
  { session_id, id }: ApprovalRequest,
  fits: (item: ApprovalHistoryItem) => boolean,
): Promise<ApprovalHistoryItem> {
  const look = async () => {
    const from = client.messages.length;
    client.send({ type: 'list_approvals', session_id });
    const found = await client.waitFor(
      (m) => client.messages.indexOf(m) >= from && m.type === 'approvals_list',
    );
    const items = found.type === 'approvals_list' ? found.approvals : [];
    const item = items.find((one) => one.request_id === id);
    if (!item) throw new Error(`no entry of ${id}`);
    return item;
  };
  return vi
    .waitFor(
      async () => {
        const item = await look();
        if (!fits(item)) throw new Error(`${id} is ${item.decision}`);
        return item;
      },
      { timeout: 5000, interval: 100 },
    )
    .catch(look);
}
