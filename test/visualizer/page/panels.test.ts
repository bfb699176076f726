/** The panels in a browser: sessions, time travel, trying, keys, empty and broken states. */
import { expect, it } from 'vitest';
import {
  asks,
  expectFaults,
  firedEdges,
  fixture,
  PHONE,
  still,
  useBrowser,
  visit,
} from '../support/browser-page.ts';

useBrowser();

it('opens a session by click, by key and by address, and survives a reload', async () => {
  const server = await fixture({ sessions: 12 });
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').nth(2).click();
  await page.waitForURL(/\/visualizer\/s\/od-/);
  const first = page.url();
  await page.keyboard.press('j');
  await page.waitForURL((url) => url.href !== first);
  await page.keyboard.press('k');
  await page.waitForURL(first);
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#12');
  await page.keyboard.press(',');
  await page.keyboard.press(',');
  await page.keyboard.press('7');
  await page.waitForURL(/seq=10&tab=context/);
  await page.reload();
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#10');
  expect(page.url()).toMatch(/seq=10&tab=context/);
  expect(await page.getByRole('tab', { name: 'Context' }).getAttribute('aria-selected')).toBe(
    'true',
  );
});

it('leaves the strip empty for a session without events, also after one with many', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const [busy, quiet] = server.sessions;
  for (let round = 0; round < 12; round += 1) busy?.step();
  const page = await visit(`${server.url}s/${busy?.id}`);
  const painted = () =>
    page.locator('.strip canvas').evaluate((canvas: HTMLCanvasElement) => {
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels?.some((value) => value !== 0);
    });
  await expect.poll(painted).toBe(true);
  const name = quiet?.input.session.project_name ?? '';
  await page.locator('.virtual-row', { hasText: name }).click();
  await expect.poll(() => page.getByTestId('now').textContent()).toBe('no events');
  await expect.poll(painted).toBe(false);
});

it('shows a child actor as it was at each moment, and nobody who was not there yet', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const [, direct] = server.sessions;
  const send = (event: object) => direct?.send({ at: stamp(), ...event } as never, 'client').seq;
  send({ type: 'name.chosen', name: 'early' });
  const appeared = send({ type: 'link.requested' });
  send({ type: 'link.attached', capabilities: [], threadId: 't' });
  const page = await visit(`${server.url}s/od-0001/connector`);
  const [card, status] = [page.getByTestId('actor-card'), page.getByTestId('actor-status')];
  await expect.poll(() => status.textContent()).toBe('running');
  expect(await page.locator('.chart').count()).toBe(0);
  const stopped = send({ type: 'link.lost', reason: 'closed' });
  await expect.poll(() => status.textContent(), { timeout: 1000 }).toBe('stopped');
  await expect.poll(() => card.textContent()).toContain(`Stopped#${stopped} link.lost`);
  await page.keyboard.press('Home');
  await expect.poll(() => card.textContent()).toContain('had started by this moment');
  expect(await page.getByTestId('actor').count()).toBe(0);
  await page.keyboard.press('.');
  await expect.poll(() => card.textContent()).toContain(`Appeared#${appeared} link.requested`);
  await page.keyboard.press('6');
  expect(await page.locator('.life.begins').count()).toBe(1);
  expect(await page.locator('.life.ends').count()).toBe(1);
  await page.goto(`${server.url}s/od-0001/stranger`);
  await expect.poll(() => card.textContent()).toContain('No child actor of this name');
  await card.getByRole('button', { name: /Back to/ }).click();
  await page.waitForURL(/\/s\/od-0001(\?|$)/);
  await page.waitForSelector('.chart');
});

it('opens a child actor by touch, and keeps its address', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  server.sessions[1]?.send({ type: 'link.requested', at: stamp() }, 'client');
  const page = await visit(`${server.url}s/od-0001?tab=states`, PHONE);
  const row = page.getByTestId('actor-row');
  expect((await row.boundingBox())?.height).toBeGreaterThanOrEqual(40);
  await row.tap();
  await page.waitForURL(/\/s\/od-0001\/connector/);
  await page.reload();
  await expect.poll(() => page.getByTestId('actor-status').textContent()).toBe('running');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});

it('filters by state at once, and its groups count everything', async () => {
  const server = await fixture({ sessions: 60 }, 20);
  const page = await visit(`${server.url}sessions`);
  const wanted = server.sessions.filter((one) =>
    one.row().path.some((path) => path.endsWith('.permission')),
  ).length;
  await page.locator('.virtual-row').first().waitFor();
  const counts = () => page.locator('.group-attention b').allTextContents();
  const waiting = server.sessions.filter((one) => one.row().waiting !== null).length;
  expect(await counts()).toEqual([String(waiting)]);
  expect(await page.locator('.sessions-foot').textContent()).toContain('60 sessions');
  await page.keyboard.press('l');
  await page.keyboard.type('.permission');
  await expect
    .poll(
      () =>
        page
          .locator('[data-testid=session-list] .virtual-row')
          .first()
          .getAttribute('aria-setsize'),
      { timeout: 400 },
    )
    .toBe(String(wanted));
  await page.keyboard.type(' nothing like this');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect.poll(counts).toEqual([String(waiting)]);
});

it('keeps the order of the list while the pointer is inside', async () => {
  const server = await fixture({ sessions: 30 });
  const page = await visit(`${server.url}sessions`);
  await page.getByLabel('Order').selectOption('recent');
  await page.locator('.virtual-row').first().hover();
  await still(page);
  const names = (): Promise<string[]> => page.locator('.row-name').allTextContents();
  const sent = () => page.evaluate(() => window.__viz?.stats.rowMessages ?? 0);
  const [before, sentBefore] = [await names(), await sent()];
  for (let round = 0; round < 60; round += 1) server.sessions[round % 7]?.step();
  await expect.poll(sent).toBeGreaterThan(sentBefore);
  await still(page);
  expect(await names()).toEqual(before);
  await page.mouse.move(700, 400);
  await expect.poll(names).not.toEqual(before);
});

it('steps back seven events everywhere at once, while live ones count on', async () => {
  const server = await fixture({ sessions: 3 }, 30);
  const page = await visit(`${server.url}s/od-0001?tab=context`);
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 7; round += 1) await page.keyboard.press(',');
  const seq = 23;
  const world = await page.locator('.world').getAttribute('transform');
  await expect
    .poll(() => page.getByTestId('context').textContent())
    .toContain(`Context after #${seq}`);
  expect(await page.getByTestId('now').textContent()).toContain(`#${seq}`);
  expect(await page.locator('.strip input').inputValue()).toBe(String(seq));
  expect(page.url()).toContain(`seq=${seq}`);
  for (let round = 0; round < 5; round += 1) server.sessions[1]?.step();
  await expect.poll(() => page.getByTestId('behind').textContent()).toBe('12 behind live');
  expect(await page.locator('.world').getAttribute('transform')).toBe(world);
  await page.keyboard.press('5');
  await expect
    .poll(() => page.locator('[data-testid=event-list] [aria-selected=true]').textContent())
    .toContain(`#${seq}`);
  const record = server.sessions[1]?.records.find((one) => one.seq === seq);
  expect(await firedEdges(page)).toEqual(record?.edges);
  await page.keyboard.press('End');
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#35');
});

it('distinguishes an empty server, a session without events and an unknown session', async () => {
  const none = await fixture({ sessions: 0 });
  const empty = await visit(none.url);
  await expect
    .poll(() => empty.getByTestId('no-sessions').textContent())
    .toContain('No sessions yet');
  const one = await fixture({ sessions: 1 }, 0);
  const fresh = await visit(`${one.url}s/od-0000?tab=events`);
  await expect.poll(() => fresh.getByTestId('no-events').textContent()).toContain('No events yet');
  const unknown = await visit(`${one.url}s/nobody`);
  await expect
    .poll(() => unknown.getByTestId('watch-failure').textContent())
    .toContain('does not exist');
});

it('asks for a token once and never puts it into an address', async () => {
  const server = await fixture({ sessions: 2, token: 'od_secret' });
  const addresses: string[] = [];
  const page = await visit(`${server.url}sessions`, {
    seen: async (fresh) => {
      fresh.on('request', (request) => addresses.push(request.url()));
    },
  });
  await page.getByLabel('Access token').fill('wrong');
  await page.getByRole('button', { name: 'Open' }).click();
  await expect
    .poll(() => page.getByTestId('token-form').textContent())
    .toContain('does not accept this token');
  await page.getByLabel('Access token').fill('od_secret');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.locator('.virtual-row').first().waitFor();
  await page.reload();
  await page.locator('.virtual-row').first().waitFor();
  expect(addresses.filter((address) => address.includes('od_secret'))).toEqual([]);
});

it('says that the server is gone, and what changed when it is back', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const { port } = server;
  await server.close();
  await page.getByTestId('offline').waitFor({ timeout: 3000 });
  const again = await fixture({ sessions: 2, port, boot: 'boot-2' });
  await page.getByTestId('notice').waitFor({ timeout: 6000 });
  expect(await page.getByTestId('notice').textContent()).toContain('restarted');
  await expect.poll(() => page.getByTestId('connection').textContent()).toBe('Live');
  again.sessions[1]?.step();
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#13');
  expectFaults(/ERR_CONNECTION|WebSocket connection|Failed to load resource/);
});

function stamp(): string {
  return `${new Date().toISOString().slice(0, -1)}000Z`;
}

it('says in each row what it is about and what it waits for, the longest wait first, and finds it by that', async () => {
  const server = await fixture({ sessions: 6 }, 0);
  const [first, second, third] = server.sessions;
  if (!first || !second || !third) throw new Error('The fixture has no sessions');
  for (const one of [first, second, third]) one.input.session.project_name = 'api';
  first.input.session.custom_name = 'Move totals to cents';
  second.input.session.custom_name = 'Split the settings screen';
  second.input.session.git_branch = 'feature/settings';
  const at = (minute: number): string =>
    `2030-01-01T00:${String(minute).padStart(2, '0')}:00.000000Z`;
  for (const [session, command, minute] of [
    [second, 'npm run build', 1],
    [third, 'git push origin', 2],
    [first, 'npm run db:migrate -- --env production', 3],
  ] as const) {
    session.send({ type: 'turn.started', at: at(0), promptId: null, prompt: null } as never);
    asks(session, { id: `r-${minute}`, command, tool_name: 'Bash' }, at(minute));
  }
  const page = await visit(`${server.url}sessions`);
  const rows = page.locator('.virtual-row');
  await expect.poll(() => rows.nth(2).textContent()).toContain('Run a command: npm run db:migrate');
  const texts = await rows.allTextContents();
  expect(texts[0]).toMatch(
    /Split the settings screen.*Run a command: npm run build.*feature\/settings/,
  );
  expect(texts[1]).toMatch(/api, started .*Run a command: git push origin/);
  expect(texts[2]).toContain('Move totals to cents');
  for (const [words, title] of [
    ['db:migrate', 'Move totals to cents'],
    ['feature/settings', 'Split the settings screen'],
    ['totals api', 'Move totals to cents'],
  ] as const) {
    await page.getByLabel('Filter sessions').fill(words);
    await expect.poll(() => rows.count()).toBe(1);
    expect(await rows.first().textContent()).toContain(title);
  }
});
