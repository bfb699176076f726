/** The page while its server is killed, comes back, or cannot be reached for a moment. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { afterwards, expectFaults, useBrowser, visit } from '../support/browser-page.ts';
import { ask, dataDirectory, freePort, post, start } from '../support/real-server.ts';

useBrowser();
const GONE = /ERR_CONNECTION|WebSocket connection|Failed to load resource|ERR_EMPTY_RESPONSE/;

/** What the page shows of each event of the session, from the first to the newest. */
async function scrubbed(page: Page, last: number): Promise<string[]> {
  const moments: string[] = [];
  await page.keyboard.press('Home');
  for (let seq = 1; seq <= last; seq += 1) {
    await expect.poll(() => page.getByTestId('now').locator('b').textContent()).toBe(`#${seq}`);
    moments.push(
      await page.evaluate(() => {
        const lit = [...document.querySelectorAll<SVGElement>('.chart .leaf.on')];
        return JSON.stringify([
          document.querySelector('[data-testid=now] .code')?.textContent,
          document.querySelector('[data-testid=pills]')?.textContent,
          lit.map((one) => one.dataset.state),
          document.querySelector<HTMLElement>('.chart')?.dataset.fire,
        ]);
      }),
    );
    if (seq < last) await page.keyboard.press('.');
  }
  await page.keyboard.press('End');
  return moments;
}

/** Two turns with a permission each. */
async function live(port: number): Promise<number> {
  await ask(port);
  const tool = { tool_name: 'Bash', tool_input: { command: 'npm test' }, tool_use_id: 'toolu_1' };
  await post(port, 'real-1', 'PostToolUse', { ...tool, tool_response: { stdout: 'ok' } });
  await post(port, 'real-1', 'Stop', { last_assistant_message: 'Done.' });
  await post(port, 'real-1', 'UserPromptSubmit', { prompt: 'And again' });
  await post(port, 'real-1', 'PreToolUse', { ...tool, tool_use_id: 'toolu_2' });
  return 7;
}

it('outlives a kill: banner, resync, no lost record, the same states before and after', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  const first = await start(directory, port);
  const last = await live(port);
  const page = await visit(`http://127.0.0.1:${port}/visualizer/s/real-1?tab=events`);
  await expect.poll(() => page.getByTestId('now').textContent()).toContain(`#${last} `);
  const before = await scrubbed(page, last);
  const gone = once(first, 'exit');
  first.kill('SIGKILL');
  await gone;
  await page.getByTestId('offline').waitFor({ timeout: 3000 });
  expect(await page.locator('.page').getAttribute('class')).toContain('stale');
  await page.keyboard.press('8');
  expect(await page.getByRole('button', { name: /Try it after/ }).isDisabled()).toBe(true);
  expect(await page.getByTestId('send-live').isDisabled()).toBe(true);
  await page.keyboard.press('5');
  await start(directory, port);
  await page.getByTestId('offline').waitFor({ state: 'detached', timeout: 5000 });
  expect(await page.getByTestId('notice').textContent()).toContain('The server was restarted');
  // The server itself says that it came back: one event more.
  await post(port, 'real-1', 'Stop', { last_assistant_message: 'Done again.' });
  await expect
    .poll(() => page.getByTestId('event-list').locator('[role=option]').first().textContent())
    .toContain('turn.completed');
  const after = await scrubbed(page, last);
  expect(after).toEqual(before);
  const newest = await page.locator('[data-testid=event-list] .entry-seq').first().textContent();
  const held = await page
    .locator('[data-testid=event-list] [role=option]')
    .first()
    .getAttribute('aria-setsize');
  expect(`#${held}`).toBe(newest);
  expectFaults(GONE);
});

it('loses no record of a watched session when the network is away for two seconds', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port);
  await live(port);
  const net = await openNet(port);
  const page = await visit(`http://127.0.0.1:${net.port}/visualizer/s/real-1?tab=events`);
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#7 ');
  await net.cut();
  await page.getByTestId('offline').waitFor({ timeout: 3000 });
  const until = Date.now() + 2000;
  let count = 0;
  while (Date.now() < until || count < 40) {
    count += 1;
    await post(port, 'real-1', 'PreToolUse', {
      tool_name: 'Read',
      tool_input: { n: count },
      tool_use_id: `t${count}`,
    });
  }
  await net.mend();
  await expect
    .poll(() => page.getByTestId('connection').textContent(), { timeout: 8000 })
    .toBe('Live');
  const last = 7 + count;
  await expect.poll(() => page.getByTestId('now').locator('b').textContent()).toBe(`#${last}`);
  // Held without a hole, from the first on.
  const list = page.locator('[data-testid=event-list] [role=option]').first();
  expect(await list.getAttribute('aria-setsize')).toBe(String(last));
  // The same server: no client learned of a restart.
  expect(await page.getByTestId('notice').count()).toBe(0);
  expectFaults(GONE);
});

/** A way to the server that can be cut: all lines break, and nobody answers. */
async function openNet(target: number) {
  const lines = new Set<Socket>();
  let server: Server | null = null;
  const open = async (port: number): Promise<number> => {
    server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      for (const line of [near, far]) {
        lines.add(line);
        line.on('error', () => line.destroy());
        line.on('close', () => lines.delete(line));
      }
      // The server knows itself by its own port only.
      near.on('data', (chunk) => far.write(renamed(chunk, near.localPort ?? 0, target)));
      near.on('end', () => far.end());
      far.pipe(near);
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address ? address.port : port;
  };
  const port = await open(0);
  const cut = async (): Promise<void> => {
    const closed = server && once(server, 'close');
    server?.close();
    for (const line of lines) line.destroy();
    await closed;
  };
  afterwards(cut);
  return { port, cut, mend: () => open(port) };
}

/** A request as the server would have got it without the way between. */
function renamed(chunk: Buffer, from: number, to: number): Buffer {
  const text = chunk.toString('latin1');
  if (!text.startsWith('GET ')) return chunk;
  return Buffer.from(text.replaceAll(`127.0.0.1:${from}`, `127.0.0.1:${to}`), 'latin1');
}
