/** Taking part: the conversation, open requests, trying and sending events. */
import { expect, it } from 'vitest';
import { asks, fixture, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

it('uses the public protocol: messages, an answer, a refusal in words', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  const direct = server.sessions[1];
  asks(direct, { command: 'echo \u202Eevil \u001b[2J' });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const card = page.getByTestId('approval');
  await expect.poll(() => card.locator('pre').textContent()).toBe('echo <U+202E>evil \u241b[2J');
  await card.getByRole('button', { name: /^Approve:/ }).click();
  await expect.poll(() => card.getByRole('status').textContent()).toContain('not implemented');
  expect(server.said).toContainEqual({
    type: 'approve_tool',
    session_id: 'od-0001',
    request_id: 'r-1',
    decision: 'approved',
  });
  await page.getByLabel('Message to the session').fill('hello');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => page.locator('.composer .banner').textContent())
    .toContain('send_message is not implemented yet');
  expect(await page.getByLabel('Message to the session').inputValue()).toBe('hello');
});

it('offers to approve for longer only with the rule in view, and takes words along with a denial', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  asks(server.sessions[1], { command: 'git push', proposed_amendment: ['git', 'push'] });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const card = page.getByRole('region', { name: 'May it run this command?' });
  await card.getByRole('button', { name: 'Approve always…' }).click();
  expect(await card.textContent()).toContain('every command that begins with git push');
  await card.getByRole('button', { name: 'Always', exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await card.getByRole('button', { name: /^Deny:/ }).click();
  await card.getByLabel('Tell it why').fill('open a pull request instead');
  await card.getByRole('button', { name: 'Deny and go on' }).click();
  await expect
    .poll(() => server.said.at(-1))
    .toEqual({
      type: 'approve_tool',
      session_id: 'od-0001',
      request_id: 'r-1',
      decision: 'denied',
      message: 'open a pull request instead',
    });
});

it('approves and denies by key while the request is in view, and never while something is typed', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  asks(server.sessions[1], { command: 'git push' });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const approve = page.getByRole('button', { name: /^Approve:/ });
  await expect.poll(() => approve.isEnabled()).toBe(true);
  await page.keyboard.press('d');
  const words = page.getByLabel('Tell it why');
  await expect.poll(() => words.evaluate((one) => one === document.activeElement)).toBe(true);
  await page.keyboard.type('a bad idea');
  expect(await words.inputValue()).toBe('a bad idea');
  await page.keyboard.press('Escape');
  await page.keyboard.press('a');
  await expect.poll(() => server.said.at(-1)).toMatchObject({ decision: 'approved' });
  const decisions = server.said.filter((one) => (one as { type: string }).type === 'approve_tool');
  expect(decisions).toHaveLength(1);
});

it('lets a long command be approved only after its end was in view', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  const command = Array.from({ length: 60 }, (_, line) => `echo line ${line + 1}`).join('\n');
  asks(server.sessions[1], { command });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const approve = page.getByRole('button', { name: /^Approve:/ });
  await expect.poll(() => page.locator('.decisions').textContent()).toContain('Scroll to the end');
  // Longer than a fresh card is inert: it is the end that is missing.
  await expect.poll(() => page.getByRole('button', { name: /^Deny:/ }).isEnabled()).toBe(true);
  expect(await approve.isDisabled()).toBe(true);
  await page.keyboard.press('a');
  await page.locator('.talk-scroll').evaluate((pane) => pane.scrollTo(0, pane.scrollHeight));
  await expect.poll(() => approve.isEnabled()).toBe(true);
  expect(JSON.stringify(server.said)).not.toContain('approve_tool');
});

const OPTIONS = [{ label: 'SQLite', description: 'One file.' }, { label: 'Postgres' }];
const STORAGE = {
  header: 'Storage',
  question: 'Which database?',
  options: OPTIONS,
  multi_select: false,
};
const TESTS = {
  question: 'What first?',
  options: [{ label: 'Load' }, { label: 'Restarts' }, { label: 'Migrations' }],
  multi_select: true,
};

it('answers questions when all are answered: one choice, several, own words', async () => {
  const server = await fixture({ sessions: 5 }, 1);
  asks(server.sessions[1], { type: 'question', question: STORAGE.question, questions: [STORAGE] });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  await page.getByRole('radio', { name: 'Postgres' }).check();
  await page.getByRole('button', { name: 'Answer' }).click();
  await expect
    .poll(() => server.said.at(-1))
    .toEqual({
      type: 'answer_question',
      session_id: 'od-0001',
      request_id: 'r-1',
      answer: 'Postgres',
      answers: { 'Which database?': 'Postgres' },
    });
  const questions = [STORAGE, TESTS];
  asks(server.sessions[4], { type: 'question', question: 'Two things', questions });
  await page.goto(`${server.url}s/od-0004?tab=session`);
  const card = page.getByRole('region', { name: 'It asks you 2 questions' });
  const submit = card.getByRole('button', { name: 'Answer', exact: true });
  await card.getByRole('radio', { name: 'SQLite' }).check();
  expect(await submit.isDisabled()).toBe(true);
  expect(await card.textContent()).toContain('1 of 2 answered');
  await card.getByRole('checkbox', { name: 'Load' }).check();
  await card.getByRole('checkbox', { name: 'Restarts' }).check();
  await card.getByLabel('Your own words').last().fill('and hooks');
  await submit.click();
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({
      type: 'answer_question',
      answers: { 'Which database?': 'SQLite', 'What first?': 'Load, Restarts, and hooks' },
    });
});

it('steers a running turn, and interrupts it', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const session = server.sessions[1];
  while (session && !session.row().path.includes('phase.active.turn.open')) session.step();
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  await page.getByLabel('Words for the running turn').fill('use the other branch');
  await page.getByRole('button', { name: 'Steer' }).click();
  await expect
    .poll(() => server.said)
    .toContainEqual(
      expect.objectContaining({ type: 'steer_turn', content: 'use the other branch' }),
    );
  await page.getByRole('button', { name: 'Interrupt' }).click();
  expect(JSON.stringify(server.said)).not.toContain('interrupt_session');
  await page.getByRole('button', { name: 'Really interrupt?' }).click();
  await expect
    .poll(() => server.said)
    .toContainEqual(expect.objectContaining({ type: 'interrupt_session', session_id: 'od-0001' }));
});

it('lets words wait for a session in a terminal, says when they are read, and takes them back', async () => {
  const server = await fixture({ sessions: 1 }, 4);
  const page = await visit(`${server.url}s/od-0000?tab=session`);
  await page.getByLabel('Message for the end of a turn').fill('mind the tests');
  expect(await page.getByTestId('when-read').textContent()).toMatch(/when its .*turn ends/);
  await page.getByRole('button', { name: 'Queue' }).click();
  await expect
    .poll(() => server.said)
    .toContainEqual(expect.objectContaining({ type: 'send_message', content: 'mind the tests' }));
});

it('only shows to a caller that may only read', async () => {
  const server = await fixture({ sessions: 2, scopes: ['read'] }, 4);
  asks(server.sessions[1], { command: 'ls' });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  await expect.poll(() => page.getByTestId('approval').textContent()).toContain('may only read');
  expect(await page.getByTestId('approval').getByRole('button').count()).toBe(0);
  expect(await page.locator('.composer').count()).toBe(0);
  await page.keyboard.press('8');
  await page.getByTestId('try').waitFor();
  expect(await page.getByTestId('send-live').count()).toBe(0);
});

it.each([
  ['questions', { type: 'question', tool_name: 'AskUserQuestion', questions: [STORAGE, TESTS] }],
  ['one question', { type: 'question', tool_name: 'AskUserQuestion', questions: [STORAGE] }],
  ['a plan', { type: 'question', tool_name: 'ExitPlanMode', question: 'Which database? SQLite' }],
  ['a command', { command: 'echo "Which database?" SQLite' }],
  ['a tool', { tool_name: 'mcp__db__ask', tool_input: '{"q":"Which database?","a":"SQLite"}' }],
] as const)('shows %s of a watched session whole, and where to answer', async (_, request) => {
  const server = await fixture({ sessions: 1 }, 4);
  asks(server.sessions[0], { question: null, ...request } as never);
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().click();
  const card = page.getByTestId('approval');
  await card.waitFor();
  const words = (await card.textContent()) ?? '';
  const asked = 'questions' in request ? request.questions : [];
  const texts = asked.flatMap((one) => [
    one.question,
    ...one.options.flatMap((option) => Object.values(option)),
  ]);
  for (const text of ['Which database?', 'SQLite', ...texts]) expect(words).toContain(text);
  expect(await page.getByTestId('where-to-answer').textContent()).toMatch(
    /^Watched only\. Answer in its own terminal/,
  );
  expect(await card.getByRole('button').count()).toBe(0);
  await page.getByRole('tab', { name: 'Events' }).click();
  await page.getByRole('button', { name: 'See request' }).click();
  await card.waitFor();
});

it('decides for a session in a terminal while its hook waits, with its rules in view', async () => {
  const server = await fixture({ sessions: 1 }, 4);
  const suggestions = [
    {
      ...{ type: 'addRules', behavior: 'allow', destination: 'localSettings' },
      rules: [{ toolName: 'Bash', ruleContent: 'git push:*' }],
    },
    { type: 'setMode', mode: 'acceptEdits', destination: 'session' },
  ];
  const request = { command: 'git push', suggestions: JSON.stringify(suggestions) };
  asks(server.sessions[0], { ...request, answerable: true } as never);
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().click();
  const card = page.getByTestId('approval');
  const where = page.getByTestId('where-to-answer');
  await expect.poll(() => where.textContent()).toContain('The first answer decides.');
  await card.getByRole('button', { name: 'Approve always…' }).click();
  const rules = await card.getByTestId('suggestions').textContent();
  expect(rules).toContain('allow Bash(git push:*) (for good)');
  expect(rules).toContain('mode acceptEdits (in this session)');
  await card.getByRole('button', { name: 'Always', exact: true }).click();
  await expect
    .poll(() => server.said)
    .toContainEqual(expect.objectContaining({ type: 'approve_tool', decision: 'approved_always' }));
});

it('says when a decision is on its way to a terminal, and decides no more', async () => {
  const server = await fixture({ sessions: 1 }, 4);
  asks(server.sessions[0], { command: 'git push', decision_sent: 'approved_always' } as never);
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().click();
  await expect
    .poll(() => page.getByTestId('where-to-answer').textContent())
    .toMatch(/^Sent: approved always\./);
  expect(await page.getByTestId('approval').getByRole('button').count()).toBe(0);
});

it('loads older messages when the reader scrolls up, and keeps the place', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const session = server.sessions[1];
  while ((session?.messages.length ?? 0) < 180) session?.step();
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const shown = page.locator('.message');
  await expect.poll(() => shown.count()).toBe(50);
  const pane = page.locator('.talk-scroll');
  const first = await shown.first().elementHandle();
  await pane.evaluate((one) => one.scrollTo(0, 0));
  await expect.poll(() => shown.count()).toBe(100);
  // What stood at the top is still in view: it was not moved by what came above it.
  await expect
    .poll(async () => (await first?.boundingBox())?.y ?? -1)
    .toBeGreaterThan((await pane.boundingBox())?.y ?? 0);
  for (const count of [150, session?.messages.length ?? 0]) {
    await pane.evaluate((one) => one.scrollTo(0, 0));
    await expect.poll(() => shown.count()).toBe(count);
  }
  expect(await page.getByTestId('older').count()).toBe(0);
});

it('tries an event without touching the session', async () => {
  const server = await fixture({ sessions: 2 }, 6);
  const page = await visit(`${server.url}s/od-0000?tab=try`);
  const seq = server.sessions[0]?.records.at(-1)?.seq;
  const run = page.getByRole('button', { name: /Try it/ });
  await page
    .locator('#payload')
    .fill(
      '{"type":"question.answered","requestId":"nobody","at":"2030-01-01T00:00:00.000000Z","order":{"type":"turn.stop"}}',
    );
  await run.click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('Refused.');
  await page
    .locator('#payload')
    .fill('{"type":"session.ended","reason":"other","at":"2030-01-01T00:00:00.000000Z"}');
  await run.click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('phase.ended');
  await page.locator('#payload').fill('not json');
  await run.click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('This is no JSON');
  expect(server.sessions[0]?.records.at(-1)?.seq).toBe(seq);
});

it('sends an event to the live session after asking once, and shows what came of it', async () => {
  const server = await fixture({ sessions: 2 }, 6);
  const page = await visit(`${server.url}s/od-0000?tab=try`);
  const before = server.sessions[0]?.records.length ?? 0;
  const payload = page.locator('#payload');
  await payload.fill('{"type":"turn.aborted","reason":"by hand"}');
  await page.getByTestId('send-live').click();
  await page.getByRole('button', { name: 'Do not send' }).click();
  await page.getByTestId('send-live').click();
  await page.getByRole('button', { name: 'Send it' }).click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('Sent.');
  expect(server.sessions[0]?.records.slice(before)).toMatchObject([
    { origin: 'visualizer', event: { type: 'turn.aborted' }, accepted: true },
  ]);
  await payload.fill('{"type":"undo.requested"}');
  await page.getByTestId('send-live').click();
  await expect
    .poll(() => page.getByTestId('outcome').textContent())
    .toContain('Sent, and refused by the chart.');
  await page.keyboard.press('Escape');
  await page.locator('.timeline').getByRole('button', { name: 'Step back' }).click();
  await expect.poll(() => page.getByTestId('send-live').isDisabled()).toBe(true);
});

it('names the command that goes on with a session in a terminal, where terminals can open it', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  const at = '2030-01-01T00:00:00.000000Z';
  const send = (n: number, engine: 'private' | 'shared') =>
    server.sessions[n]?.send({
      ...{ type: 'fields.updated', at },
      fields: { engine, resume_command: `codex resume ${engine}` },
    });
  send(0, 'private');
  send(1, 'shared');
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const place = page.getByTestId('in-terminal');
  await expect.poll(() => place.textContent()).toContain('codex resume shared');
  await page.goto(`${server.url}s/od-0000?tab=session`);
  await page.locator('.session-facts').waitFor();
  expect(await place.count()).toBe(0);
});

it('copies a session and shows the copy, or says why there is none', async () => {
  const server = await fixture({ sessions: 6 }, 4);
  const page = await visit(`${server.url}s/od-0001`);
  const fork = page.getByRole('button', { name: 'Fork', exact: true });
  await fork.click();
  await expect
    .poll(() => page.locator('.session-title').getByRole('alert').textContent())
    .toContain('fork_session is not implemented yet');
  server.accepted.add('fork_session');
  await fork.click();
  await page.waitForURL(/\/s\/od-0004/);
  await page.goto(`${server.url}s/od-0000`);
  await page.getByTestId('session').waitFor();
  expect(await fork.count()).toBe(0);
});
