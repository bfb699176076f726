/** The page against the server that ships: hooks in, the picture out, also after a restart and behind a token. */
import { once } from 'node:events';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectFaults, useBrowser, visit } from '../support/browser-page.ts';
import { ask, command, dataDirectory, freePort, post, start } from '../support/real-server.ts';

useBrowser();
const TOKEN = 'od_Vq7Zt1mXw4LkB9sRc2HyN8dPf5GjE0uTaQ3oKi6Yb';

it('shows a hook in the chart, says why, and scrubs past a restart', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  const first = await start(directory, port);
  await ask(port);
  const page = await visit(`http://127.0.0.1:${port}/visualizer/s/real-1?tab=why`);
  await page.waitForSelector('[data-state="session.phase.active.requests.permission"].on');
  await expect
    .poll(() => page.getByTestId('why').textContent())
    .toMatch(/It has been in permission.*approval\.requested.*from hook/);
  await page.keyboard.press('1');
  await expect
    .poll(() => page.getByTestId('approval').textContent())
    .toContain('npm test <U+202E>live');
  const before = await page.getByTestId('now').textContent();
  const gone = once(first, 'exit');
  first.kill('SIGTERM');
  await gone;
  await page.getByTestId('offline').waitFor({ timeout: 3000 });
  await start(directory, port);
  await page.getByTestId('notice').waitFor({ timeout: 8000 });
  await expect.poll(() => page.getByTestId('now').textContent()).not.toBe('');
  // The journal comes a moment after the state: there is no first event to go to before.
  const firstEvent = async () => {
    await page.keyboard.press('Home');
    return page.getByTestId('now').textContent();
  };
  await expect.poll(firstEvent, { timeout: 8000 }).toContain('#1 ');
  await page.keyboard.press('7');
  await expect.poll(() => page.getByTestId('context').textContent()).toContain('Context after #1');
  await page.keyboard.press('End');
  await expect.poll(() => page.getByTestId('timeline').textContent()).toContain('Live');
  expect(before).toContain('approval.requested');
  expectFaults(/ERR_CONNECTION|WebSocket connection|Failed to load resource/);
});

it('asks for the token of a server that wants one, once', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port, '--require-auth', '--auth-token', TOKEN);
  await ask(port, TOKEN);
  const page = await visit(`http://127.0.0.1:${port}/visualizer/sessions`);
  await page.getByLabel('Access token').fill(TOKEN);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.locator('.virtual-row').first().click();
  await page.getByTestId('approval').waitFor();
  await page.reload();
  await page.getByTestId('approval').waitFor();
  expect(page.url()).not.toContain(TOKEN);
  expectFaults(/401|WebSocket connection/);
});

it('is let in by a pairing link, with a token of its own, until that is revoked', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port, '--require-auth', '--auth-token', TOKEN);
  await ask(port, TOKEN);
  const link = /http:\S+#pair=\S+/.exec(command(directory, 'pair', '--no-qr'))?.[0] ?? '';
  const asked: string[] = [];
  const page = await visit(link, {
    seen: async (fresh) => void fresh.on('request', (request) => asked.push(request.url())),
  });
  // Something waits, so the page begins there.
  await page.waitForURL(/\/visualizer\/inbox$/);
  await page.getByTestId('approval').waitFor();
  // The code has left the address, also that of the step before in the history, and went to nobody in one.
  expect(page.url()).not.toContain('pair');
  expect(asked.filter((url) => url.includes('odp_'))).toEqual([]);
  expect(await page.evaluate(() => localStorage.getItem('orbitdock.token'))).toMatch(/^od_/);
  await page.reload();
  await page.getByTestId('approval').waitFor();
  // Somebody who finds the link later gets nothing, and does not cost the device its token.
  await page.goto('about:blank');
  await page.goto(link);
  await expect.poll(() => page.getByTestId('notice').textContent()).toContain('is used, over');
  await page.getByTestId('inbox').waitFor();
  command(directory, 'tokens', 'revoke', 'Linux Chrome');
  await page.getByTestId('token-form').waitFor({ timeout: 5000 });
  expectFaults(/401|WebSocket connection/);
});

it('says of a link that is over why it does not let in', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port, '--require-auth', '--auth-token', TOKEN);
  const page = await visit(`http://127.0.0.1:${port}/#pair=odp_${'A'.repeat(43)}`);
  await expect
    .poll(() => page.getByTestId('token-form').textContent())
    .toContain('This link is used, over or wrong');
  expectFaults(/401|WebSocket connection/);
});

it('opens a subagent as a branch that grows while it works, and says what it and the session took', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  const folder = join(directory, '.claude/projects/-home-dev-shop');
  mkdirSync(join(folder, 'trunk/subagents'), { recursive: true });
  const transcript_path = join(folder, 'trunk.jsonl');
  const file = join(folder, 'trunk/subagents/agent-a1.jsonl');
  const timestamp = new Date().toISOString();
  const line = (uuid: string, text: string) => {
    const usage = { input_tokens: 10, output_tokens: 7, cache_read_input_tokens: 1100 };
    const content = [{ type: 'text', text }];
    const message = { id: `m${uuid}`, model: 'claude-sonnet-5', content, usage };
    const of = { uuid, timestamp, isSidechain: true, agentId: 'a1', promptId: 'p1' };
    return `${JSON.stringify({ ...of, type: 'assistant', message })}\n`;
  };
  writeFileSync(file, line('u1', 'I look at the **shelf**.'));
  const cost = { type: 'cost-state', totalCostUSD: 1.234, modelUsage: {} };
  writeFileSync(transcript_path, `${JSON.stringify(cost)}\n`);
  await start(directory, port);
  const agent = { agent_id: 'a1', agent_type: 'Explore' };
  const send = (event: string, more: object = {}) =>
    post(port, 'trunk', event, { transcript_path, prompt_id: 'p1', ...more });
  await send('UserPromptSubmit', { prompt: 'Go' });
  await send('SubagentStart', agent);
  const page = await visit(`http://127.0.0.1:${port}/visualizer/s/trunk`);
  await expect.poll(() => page.getByTestId('cost').textContent()).toBe('$1.23');
  const branch = page.getByTestId('branch');
  await branch.locator('summary').first().click();
  await expect.poll(() => branch.locator('.markdown strong').textContent()).toBe('shelf');
  const words = () => branch.locator('summary').first().textContent();
  await expect.poll(words).toContain('Explore · works since');
  await expect.poll(words).toContain('1,110 tokens read, 7 written');
  appendFileSync(file, line('u2', 'It is empty.'));
  await expect.poll(() => branch.textContent()).toContain('It is empty.');
  await expect.poll(words).toContain('2,220 tokens read, 14 written');
  await send('SubagentStop', agent);
  await expect.poll(words).toContain('finished after');
  // What is written behind the end is shown too.
  appendFileSync(file, line('u3', 'I am done.'));
  await expect.poll(() => branch.textContent()).toContain('I am done.');
  expect(await page.locator('.talk-scroll > .messages > .message').count()).toBe(1);
});
