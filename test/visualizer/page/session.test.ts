/** Taking part: the conversation, open requests, trying and sending events. */
import { expect, it } from 'vitest';
import { asks, fixture, useBrowser, visit } from '../support/stage.ts';

useBrowser();

it('speaks the public protocol: messages, an answer, a refusal in words', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  const direct = server.sessions[1];
  asks(direct, { command: 'echo \u202Eevil \u001b[2J' });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const card = page.getByTestId('approval');
  await expect.poll(() => card.locator('pre').textContent()).toBe('echo <U+202E>evil \u241b[2J');
  await card.getByRole('button', { name: 'Approve', exact: true }).click();
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

it('offers an amendment only where there is one, and takes words along with a denial', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  asks(server.sessions[1], { command: 'git push', proposed_amendment: ['git', 'push'] });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  const card = page.getByTestId('approval');
  await card.getByRole('button', { name: 'Always approve' }).waitFor();
  expect(await card.textContent()).toContain('allow what begins withgit push');
  await card.getByLabel('With a denial, tell the agent').fill('open a pull request instead');
  await card.getByRole('button', { name: 'Deny', exact: true }).click();
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

it('answers one question by one press, several by question, with more than one choice where asked', async () => {
  const server = await fixture({ sessions: 5 }, 4);
  const options = [{ label: 'SQLite', description: 'One file.' }, { label: 'Postgres' }];
  const storage = { question: 'Which database?', options, multi_select: false };
  asks(server.sessions[1], { type: 'question', question: 'Which database?', questions: [storage] });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  await page.getByTestId('approval').getByRole('button', { name: 'Postgres' }).click();
  await expect
    .poll(() => server.said.at(-1))
    .toEqual({
      type: 'answer_question',
      session_id: 'od-0001',
      request_id: 'r-1',
      answer: 'Postgres',
      answers: { 'Which database?': 'Postgres' },
    });
  const tests = {
    question: 'What first?',
    options: [{ label: 'Load' }, { label: 'Restarts' }, { label: 'Migrations' }],
    multi_select: true,
  };
  asks(server.sessions[4], {
    type: 'question',
    question: 'Two things',
    questions: [storage, tests],
  });
  await page.goto(`${server.url}s/od-0004?tab=session`);
  const card = page.getByTestId('approval');
  const submit = card.getByRole('button', { name: 'Answer', exact: true });
  expect(await submit.isDisabled()).toBe(true);
  await card.getByRole('button', { name: 'SQLite' }).click();
  await card.getByRole('button', { name: 'Load' }).click();
  await card.getByRole('button', { name: 'Restarts' }).click();
  await card.getByLabel('Other words').last().fill('and hooks');
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
  while (session && !session.row().path.includes('phase.working')) session.step();
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  await page.getByLabel('Words for the running turn').fill('use the other branch');
  await page.getByRole('button', { name: 'Steer' }).click();
  await expect
    .poll(() => server.said)
    .toContainEqual(
      expect.objectContaining({ type: 'steer_turn', content: 'use the other branch' }),
    );
  await page.getByRole('button', { name: 'Interrupt' }).click();
  await expect
    .poll(() => server.said)
    .toContainEqual(expect.objectContaining({ type: 'interrupt_session', session_id: 'od-0001' }));
});

it('only shows to whoever may only look', async () => {
  const server = await fixture({ sessions: 2, scopes: ['read'] }, 4);
  asks(server.sessions[1], { command: 'ls' });
  const page = await visit(`${server.url}s/od-0001?tab=session`);
  await expect.poll(() => page.getByTestId('approval').textContent()).toContain('may only look');
  expect(await page.getByTestId('approval').getByRole('button').count()).toBe(0);
  expect(await page.locator('.composer').count()).toBe(0);
  await page.keyboard.press('7');
  await page.getByTestId('try').waitFor();
  expect(await page.getByTestId('send-live').count()).toBe(0);
});

it('shows the request of a watched session without buttons', async () => {
  const server = await fixture({ sessions: 1 }, 4);
  const passive = server.sessions[0];
  asks(passive, { command: 'ls' });
  const page = await visit(`${server.url}s/od-0000?tab=session`);
  await expect.poll(() => page.getByTestId('approval').textContent()).toContain('only watched');
  expect(await page.getByTestId('approval').getByRole('button').count()).toBe(0);
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
