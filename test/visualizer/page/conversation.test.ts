/** The conversation: Markdown, cards of tools, links to a message and a moment, and what is said about the past. */
import { expect, it } from 'vitest';
import type { Message } from '../../../src/protocol/nouns.ts';
import { asks, fixture, still, useBrowser, visit } from '../support/browser-page.ts';
import { playStory } from '../support/story.ts';

useBrowser();

const AT = '2030-01-01T00:00:00.000000Z';

function entry(id: string, over: Partial<Message>): Message {
  return {
    id,
    session_id: 'od-0001',
    message_type: 'assistant',
    content: '',
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    timestamp: '2030-01-01T00:00:00.000Z',
    duration_ms: null,
    ...over,
  };
}

it('shows Markdown as elements, HTML and scripts as text', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  server.sessions[1]?.messages.push(
    entry('m1', {
      content:
        '# Plan\n\n- **one** `x`\n- [two](https://example.com) and [three](javascript:alert(1))\n\n<img src=x onerror=alert(1)> <b>bold</b>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```ts\nconst x: number = 1;\n```',
    }),
  );
  const page = await visit(`${server.url}s/od-0001`);
  const said = page.locator('.markdown');
  await expect.poll(() => said.locator('strong').textContent()).toBe('one');
  expect(await said.getByRole('heading', { name: 'Plan' }).count()).toBe(1);
  expect(await said.locator('td').allTextContents()).toEqual(['1', '2']);
  expect(
    await said.locator('a').evaluateAll((all) => all.map((a) => a.getAttribute('href'))),
  ).toEqual(['https://example.com']);
  expect(await said.locator('img, b').count()).toBe(0);
  expect(await said.textContent()).toContain('<img src=x onerror=alert(1)>');
  expect(await said.textContent()).toContain('[three](javascript:alert(1))');
  await expect.poll(() => said.locator('.hljs-keyword').first().textContent()).toBe('const');
});

it('keeps what was read of a growing text, and shows its newest words', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const session = server.sessions[1];
  const long = `${'A sentence that was said before. '.repeat(80)}\n\n`;
  const message = entry('grows', { content: `${long}Now **bo`, is_in_progress: true });
  session?.send({ type: 'message.added', at: AT, message } as never);
  const page = await visit(`${server.url}s/od-0001`);
  await expect.poll(() => page.locator('.markdown').textContent()).toContain('Now **bo');
  expect(await page.locator('.caret').count()).toBe(1);
  if (session) session.messages[0] = { ...message, content: `${long}Now **bold**\n\nand on` };
  await page.reload();
  await expect.poll(() => page.locator('.markdown strong').textContent()).toBe('bold');
});

it('shows a tool as one line with its result, and opens diffs and failures by themselves', async () => {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  const page = await visit(`${server.url}s/od-0008`);
  const card = (words: string) => page.locator('.tool', { hasText: words });
  await expect
    .poll(() => card('214 passed').locator('summary').textContent())
    .toMatch(/Bash npm test -- orders 214 passed · 11\.0 s/);
  expect(await card('214 passed').locator('details').getAttribute('open')).toBe(null);
  const edit = card('src/orders/repository.ts').filter({ hasText: 'Edit' });
  expect(await edit.locator('.tool-result').textContent()).toContain('+2 −1');
  expect(await edit.locator('.diff-line.del').textContent()).toContain('41-  return rows.reduce');
  expect(await edit.locator('.diff-line.add').count()).toBe(2);
  const failed = card('npm test -- importer');
  expect(await failed.locator('.tool-result').textContent()).toContain('3 of 58 failed');
  expect(await failed.locator('pre').textContent()).toContain('expected 2 records, got 3');
  const denied = card('rm -rf fixtures/large');
  expect(await denied.textContent()).toContain('You denied it: “Keep the fixtures, use a copy.”');
  expect(await denied.locator('pre').count()).toBe(0);
  const thinking = page.locator('.thinking');
  expect(await thinking.locator('summary').textContent()).toBe(
    'Thinking Totals are floats in three places. · 4.2 s',
  );
  expect(await thinking.getAttribute('open')).toBe(null);
});

it('says that a use of a tool waits while its request is open, and not that it runs', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const session = server.sessions[1];
  for (const command of ['npm run deploy', 'npm test']) {
    const tool_input = JSON.stringify({ command });
    const use = {
      message_type: 'tool',
      tool_name: 'Bash',
      tool_input,
      is_in_progress: true,
    } as const;
    session?.messages.push(entry(command, { ...use, content: command }));
  }
  asks(session, { command: 'npm run deploy', tool_name: 'Bash' });
  const page = await visit(`${server.url}s/od-0001`);
  const card = (words: string) => page.locator('.tool', { hasText: words }).locator('summary');
  await expect
    .poll(() => card('npm run deploy').textContent())
    .toBe('Bash npm run deploy waits for an answer');
  expect(await card('npm test').textContent()).toMatch(/^Bash npm test running /);
});

it('opens a message by its address, however old, and an event and a moment by theirs', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const session = server.sessions[1];
  while ((session?.messages.length ?? 0) < 180) session?.step();
  const old = session?.messages[20];
  const page = await visit(`${server.url}s/od-0001?message=${old?.id}`);
  const wanted = page.locator('.message.wanted');
  await expect.poll(() => wanted.getAttribute('data-message')).toBe(old?.id);
  expect(await wanted.evaluate((one) => one === document.activeElement)).toBe(true);
  await expect
    .poll(async () => {
      const pane = await page.locator('.talk-scroll').boundingBox();
      const box = await wanted.boundingBox();
      return pane && box && box.y >= pane.y - 2 && box.y < pane.y + pane.height;
    })
    .toBe(true);
  await page.goto(`${server.url}s/od-0001?event=7`);
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#7 ');
  const record = session?.records[11];
  await page.goto(`${server.url}s/od-0001?at=${Date.parse(record?.at ?? '')}`);
  const shown = async () =>
    Number(/#(\d+)/.exec((await page.getByTestId('now').textContent()) ?? '')?.[1]);
  const last = session?.records.findLast(
    ({ at }) => Date.parse(at) <= Date.parse(record?.at ?? ''),
  );
  await expect.poll(shown).toBe(last?.seq);
  await page.goto(`${server.url}s/od-0001?view=chart`);
  await page.waitForSelector('.chart .leaf.on');
});

it('says why a request of now cannot be decided while the past is shown', async () => {
  const server = await fixture({ sessions: 2 }, 6);
  asks(server.sessions[1], { command: 'git push' });
  const page = await visit(`${server.url}s/od-0001?seq=3`);
  const card = page.getByTestId('approval');
  await expect
    .poll(() => card.getByTestId('why-disabled').textContent())
    .toMatch(/^You look at the past, at \d\d:\d\d:\d\d\./);
  expect(await card.getByRole('button', { name: /^Approve:/ }).isDisabled()).toBe(true);
  await card.getByRole('button', { name: 'Back to live' }).click();
  await expect.poll(() => card.getByRole('button', { name: /^Approve:/ }).isEnabled()).toBe(true);
  expect(await card.getByTestId('why-disabled').count()).toBe(0);
});

it('says a bare question once, whether or not it can be answered here', async () => {
  const server = await fixture({ sessions: 2 }, 2);
  for (const index of [0, 1]) {
    asks(server.sessions[index], { type: 'question', question: 'Which way do you want?' });
    const page = await visit(`${server.url}s/od-000${index}`);
    const words = () => page.getByTestId('approval').textContent();
    await expect.poll(words).toContain('Which way');
    expect((await words())?.split('Which way do you want?')).toHaveLength(2);
  }
});

it('says why it waits, since when, what ends that and which source says so', async () => {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  const page = await visit(`${server.url}s/od-0001`);
  const why = page.getByRole('region', { name: 'Why is it waiting?' });
  await expect
    .poll(() => why.textContent())
    .toMatch(
      /It stays here until someone answers.*Since12.min.*Leaves when.*you approve or deny.*Known from.*its own hook, 12.min ago/,
    );
  const hour = page.getByRole('region', { name: 'Last hour' });
  expect(await hour.textContent()).toMatch(/Worked 3\d.min, waited for you 12.min in 1 request\./);
  await page.keyboard.press('\\');
  await expect.poll(() => why.count()).toBe(0);
});

it('says which event was refused, and why', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  const page = await visit(`${server.url}s/od-0000`);
  await page.locator('.just-happened').waitFor();
  server.sessions[0]?.send({ type: 'interrupt.requested', at: AT } as never, 'client');
  await expect
    .poll(() => page.locator('.just-happened').textContent())
    .toMatch(/interrupt\.requested · refused: .+/);
});

it('keeps its end in view when the window becomes lower, and leaves what a person opens where it is', async () => {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  const page = await visit(`${server.url}s/od-0008`, { viewport: { width: 1440, height: 900 } });
  const pane = page.locator('.talk-scroll');
  const toEnd = () =>
    pane.evaluate((one) => Math.round(one.scrollHeight - one.clientHeight - one.scrollTop));
  await expect.poll(() => page.locator('.message').count()).toBeGreaterThan(5);
  await still(page);
  expect(await toEnd()).toBeLessThanOrEqual(1);
  await page.setViewportSize({ width: 1440, height: 600 });
  await still(page);
  expect(await toEnd()).toBeLessThanOrEqual(1);
  const card = pane.locator('.message summary').last();
  const before = await card.boundingBox();
  await card.click();
  await still(page);
  expect((await card.boundingBox())?.y).toBeCloseTo(before?.y ?? Number.NaN, 0);
});
