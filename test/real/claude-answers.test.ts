/**
 * What the real `claude` asks in its terminal is answered by a client, while the terminal's own dialog is open:
 * the first one decides, and the other gets the decision.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Received } from '../support/clients.ts';
import { askedClient, noHookIsLeft } from './answering-client.ts';
import { type BuiltServer, startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

/** All that the newest request sent to the model. */
const sentToModel = ({ api }: Scenario<BuiltServer>): string =>
  JSON.stringify(api.requests.findLast(({ kind }) => kind === 'step')?.body?.messages);

test('a client allows a tool: it runs in the terminal, and the history says who allowed it', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  stage.api.script('make a file', [bash('touch made'), { text: 'There it is.' }]);
  const claude = await stage.openClaude();

  await claude.say('make a file');
  const request = await person.asked();
  expect(request).toMatchObject({ type: 'exec', command: 'touch made' });
  await claude.waitFor(/❯ 1\. Yes/);
  expect(await person.decide(request, { decision: 'approved' })).toBeNull();

  await claude.waitFor(/There it is\./);
  expect(existsSync(join(stage.home.project, 'made'))).toBe(true);
  expect(await person.settled(request)).toMatchObject({
    decision: 'approved',
    decided_by: { kind: 'local' },
  });
  await noHookIsLeft(stage.listener);
});

test('words with a refusal, another input, a rule for good, and a stop arrive as they were decided', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  const isThere = (name: string) => existsSync(join(stage.home.project, name));
  stage.api.script('first one', [bash('touch one'), { text: 'Not one.' }]);
  stage.api.script('second one', [bash('touch two'), { text: 'Another one.' }]);
  stage.api.script('third one', [bash('touch three'), bash('touch four'), { text: 'For good.' }]);
  const claude = await stage.openClaude();

  await claude.say('first one');
  const denied = await person.asked();
  expect(await person.decide(denied, { decision: 'denied', message: 'try elsewhere' })).toBeNull();
  await claude.waitFor(/Not one\./);
  expect(sentToModel(stage)).toContain('try elsewhere');
  expect(isThere('one')).toBe(false);
  expect(await person.settled(denied)).toMatchObject({
    decision: 'denied',
    decided_by: { kind: 'local' },
  });

  await claude.say('second one');
  const changed = await person.asked();
  const updated_input = { command: 'touch other', description: 'x' };
  expect(await person.decide(changed, { decision: 'approved', updated_input })).toBeNull();
  await claude.waitFor(/Another one\./);
  expect([isThere('two'), isThere('other')]).toEqual([false, true]);

  await claude.say('third one');
  const always = await person.asked();
  expect(JSON.parse(always.suggestions ?? '[]').length).toBeGreaterThan(0);
  expect(await person.decide(always, { decision: 'approved_always' })).toBeNull();
  // The fourth command is not asked about.
  await claude.waitFor(/For good\./);
  expect([isThere('three'), isThere('four')]).toEqual([true, true]);
  expect(await person.settled(always)).toMatchObject({ decision: 'approved_always' });
  await noHookIsLeft(stage.listener);
});

test('what an agent in the background asks is shown in the terminal: no hook waits for a client', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  const look = { description: 'Look', prompt: 'inspect the shelf', run_in_background: true };
  const input = { ...look, subagent_type: 'general-purpose' };
  stage.api.script('delegate', [
    { tools: [{ name: 'Agent', input }] },
    { text: 'It is on its way.' },
    { text: 'The shelf is fine.' },
  ]);
  stage.api.script('inspect the shelf', [bash('touch label'), { text: 'All in order.' }]);
  const claude = await stage.openClaude();

  await claude.say('delegate');
  await person.session();
  const isOpen = (m: Received) => m.type === 'approval_requested' && m.request.type === 'exec';
  const asked = await person.client.waitFor(isOpen);
  // While a hook waits, no dialog stands there.
  await claude.waitFor(/from the general-purpose agent.*❯ 1\. Yes/s, 5000);
  await noHookIsLeft(stage.listener);
  const { request } = asked as Extract<Received, { type: 'approval_requested' }>;
  expect(await person.decide(request, { decision: 'denied' })).toBe('watched_only');
  await claude.decide('Enter');
  await claude.waitFor(/The shelf is fine\./);
  expect(existsSync(join(stage.home.project, 'label'))).toBe(true);
  await person.settled(request, ({ decision }) => decision === 'approved');
});

test('a refusal that stops ends the turn in the terminal', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  stage.api.script('stop here', [bash('touch one'), { text: 'Not reached.' }]);
  const claude = await stage.openClaude();

  await claude.say('stop here');
  const request = await person.asked();
  expect(await person.decide(request, { decision: 'denied', interrupt: true })).toBeNull();
  expect(await person.settled(request)).toMatchObject({
    decision: 'abort',
    decided_by: { kind: 'local' },
  });
  await person.client.waitFor(
    (m) => m.type === 'session_delta' && m.changes.work_status === 'waiting',
  );
  expect(await claude.screen()).not.toContain('Not reached.');
  await noHookIsLeft(stage.listener);
});

test('questions are answered by choices, by several of them, and in free words', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  const options = ['Postgres', 'SQLite'].map((label) => ({ label, description: `${label} it is` }));
  const one = { question: 'Which database?', header: 'Database', multiSelect: false, options };
  const colours = ['Red', 'Blue'].map((label) => ({ label, description: `${label} it is` }));
  const many = {
    question: 'Which colours?',
    header: 'Colours',
    multiSelect: true,
    options: colours,
  };
  const asks = (...questions: object[]) => ({
    tools: [{ name: 'AskUserQuestion', input: { questions } }],
  });
  stage.api.script('ask twice', [asks(one, many), { text: 'Both answered.' }]);
  stage.api.script('ask freely', [asks(one), { text: 'Freely answered.' }]);
  const claude = await stage.openClaude();

  await claude.say('ask twice');
  const both = await person.asked();
  expect(both.questions?.map(({ question }) => question)).toEqual([
    'Which database?',
    'Which colours?',
  ]);
  const half = { 'Which database?': 'SQLite' };
  expect(await person.answer(both, { answers: half })).toBe('invalid_decision');
  const answers = { ...half, 'Which colours?': 'Red, Blue' };
  expect(await person.answer(both, { answers })).toBeNull();
  await claude.waitFor(/Both answered\./);
  expect(sentToModel(stage)).toMatch(/SQLite.*Red, Blue/s);
  expect(await person.settled(both)).toMatchObject({
    decision: 'answered',
    decided_by: { kind: 'local' },
  });

  await claude.say('ask freely');
  const freely = await person.asked();
  expect(await person.answer(freely, { answer: 'a text file will do' })).toBeNull();
  await claude.waitFor(/Freely answered\./);
  expect(sentToModel(stage)).toContain('a text file will do');
  await noHookIsLeft(stage.listener);
});

test('a plan is sent back with words, then approved', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  const plan = (text: string) => ({ tools: [{ name: 'ExitPlanMode', input: { plan: text } }] });
  stage.api.script('make a plan', [plan('Build a shed'), plan('Build a barn'), { text: 'Begun.' }]);
  const claude = await stage.openClaude();
  await claude.enterPlanMode();

  await claude.say('make a plan');
  const shed = await person.asked();
  expect(shed).toMatchObject({ type: 'question', tool_name: 'ExitPlanMode' });
  expect(await person.answer(shed, { answer: 'a barn, please' })).toBeNull();
  const barn = await person.asked();
  expect(sentToModel(stage)).toContain('a barn, please');
  expect(await person.decide(barn, { decision: 'approved' })).toBeNull();
  await claude.waitFor(/Begun\./);
  expect(await person.settled(barn)).toMatchObject({ decision: 'answered' });
  await noHookIsLeft(stage.listener);
});

test('what a rule of the CLI forbids does not run, though a client allowed it, and is said to be refused', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  const rules = JSON.stringify({ permissions: { deny: ['Bash(touch:*)'] } });
  mkdirSync(join(stage.home.project, '.claude'));
  writeFileSync(join(stage.home.project, '.claude', 'settings.json'), rules);
  stage.api.script('make it', [bash('mkdir made'), { text: 'It is refused.' }]);
  const claude = await stage.openClaude();

  await claude.say('make it');
  const request = await person.asked();
  const updated_input = { command: 'touch made', description: 'x' };
  expect(await person.decide(request, { decision: 'approved', updated_input })).toBeNull();
  await claude.waitFor(/It is refused\./);
  const refused = await person.settled(request, ({ decision }) => decision === 'refused_by_rule');
  expect(refused.decided_by).toBeUndefined();
  await noHookIsLeft(stage.listener);
});
