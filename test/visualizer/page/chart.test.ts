/** The diagram in a browser: it shows what is, at once, and never moves by itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Locator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeMachine, sessionMachine } from '../../../machines/index.ts';
import type { StateValue } from '../../../src/protocol/inspect.ts';
import { activeStates } from '../../../visualizer/src/state-value.ts';
import { disagreements } from '../support/agreement.ts';
import {
  firedEdges,
  fixture,
  litStates,
  PHONE,
  still,
  useBrowser,
  visit,
} from '../support/browser-page.ts';

useBrowser();
const DIST = new URL('../../../dist/visualizer/', import.meta.url).pathname;

function namesOf(rows: readonly Locator[]): Promise<string[]> {
  return Promise.all(rows.map(async (row) => (await row.getAttribute('data-edge')) ?? ''));
}

/** Every text of the diagram that can be seen: how high its letters are on the screen, and where it stands. */
function lettersOf(page: Page) {
  return page.getByTestId('chart').evaluate((chart) => {
    const host = chart.getBoundingClientRect();
    const texts = [
      ...chart.querySelectorAll<SVGTextContentElement | HTMLElement>('text, tspan, .fold'),
    ];
    return texts
      .filter((one) => [...one.childNodes].some(({ nodeType }) => nodeType === Node.TEXT_NODE))
      .filter((one) => one.getClientRects().length > 0)
      .map((one) => {
        const box = one.getBoundingClientRect();
        const scale =
          one instanceof HTMLElement
            ? box.width / one.offsetWidth
            : (one.getScreenCTM()?.a ?? Number.NaN);
        return {
          words: one.textContent,
          px: Number.parseFloat(getComputedStyle(one).fontSize) * scale,
          isOutside:
            box.left < host.left ||
            box.top < host.top ||
            box.right > host.right ||
            box.bottom > host.bottom,
        };
      });
  });
}

function stateOf(server: Awaited<ReturnType<typeof fixture>>, index: number): StateValue {
  return server.sessions[index]?.chart.snapshot.value as StateValue;
}

it('stays in its size, and nothing of it lays out', () => {
  const sizes = { js: 0, css: 0, woff2: 0 };
  const index = readFileSync(`${DIST}index.html`, 'utf8');
  let later = 0;
  for (const name of readdirSync(`${DIST}assets`)) {
    const kind = name.split('.').at(-1) as keyof typeof sizes;
    if (!(kind in sizes)) continue;
    const bytes = readFileSync(`${DIST}assets/${name}`);
    const size = kind === 'woff2' ? bytes.length : gzipSync(bytes, { level: 9 }).length;
    // What the index does not name is loaded when it is needed: colours of code, words that differ, the chart that
    // folds an opened file.
    if (kind === 'js' && !index.includes(name)) later += size;
    else sizes[kind] += size;
    if (kind === 'js') expect(bytes.toString()).not.toMatch(/elk\.layered|eclipse/);
  }
  expect(sizes.js).toBeGreaterThan(50_000);
  expect(sizes.js).toBeLessThanOrEqual(120_000);
  expect(later).toBeLessThanOrEqual(80_000);
  expect(sizes.css).toBeLessThanOrEqual(15_000);
  expect(sizes.woff2).toBeLessThanOrEqual(100_000);
});

it('draws every state and every transition of the machine that runs', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`, {
    viewport: { width: 2200, height: 1300 },
  });
  await page.waitForSelector('.chart .leaf.on');
  const description = describeMachine(sessionMachine);
  const shownEdges = (): Promise<string[]> =>
    page.$$eval('.chart [data-edge]', (all) =>
      all.map((one) => (one as SVGElement).dataset.edge ?? ''),
    );
  const edges = await shownEdges();
  // What stays is a count that opens a list, one list at a time.
  for (const fold of await page.locator('.fold').all()) {
    await fold.click();
    edges.push(...(await page.locator('.fold-list [data-edge]').all().then(namesOf)));
    await page.keyboard.press('Escape');
  }
  const states = await page.$$eval('.chart .state', (all) =>
    all.map((one) => (one as SVGElement).dataset.state),
  );
  expect(edges.sort()).toEqual(description.edges.map(({ id }) => id).sort());
  expect(states.sort()).toEqual(
    description.states
      .map(({ id }) => id)
      .filter((id) => id !== 'session')
      .sort(),
  );
});

it('lights exactly the active states after each of 30 events', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`, {
    viewport: { width: 2200, height: 1300 },
  });
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 30; round += 1) {
    server.sessions[1]?.step();
    const expected = [...activeStates(stateOf(server, 1), 'session')]
      .filter((id) => id !== 'session')
      .sort();
    await page.waitForFunction(
      (wanted) =>
        [...document.querySelectorAll<SVGElement>('.chart .state.on')]
          .map((one) => one.dataset.state)
          .sort()
          .join() === wanted,
      expected.join(),
      { timeout: 2000, polling: 'raf' },
    );
  }
  expect(await page.locator('.chart .state.leaf.on').count()).toBe(5);
});

it.each([
  [1366, 768],
  [1440, 900],
  [1920, 1080],
])(
  'shows all regions at %i x %i, every letter at least 11 px high and in sight',
  async (width, height) => {
    const server = await fixture({ sessions: 2 });
    const page = await visit(`${server.url}s/od-0001?tab=events`, { viewport: { width, height } });
    await page.waitForSelector('.chart .leaf.on');
    await still(page);
    expect(await page.locator('.chart .region').count()).toBe(10);
    const regions = ['All', 'phase', 'turn', 'agents', 'requests', 'link'];
    for (const name of regions) {
      await page.getByRole('button', { name, exact: true }).click();
      const labels = await lettersOf(page);
      expect(labels.length).toBeGreaterThan(2);
      expect(labels.filter(({ px }) => px < 11)).toEqual([]);
      expect(labels.filter(({ isOutside }) => isOutside)).toEqual([]);
    }
  },
);

it('opens a count of events that stay by click and by Enter, and sends the focus back', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  await page.getByRole('button', { name: 'turn', exact: true }).click();
  const world = await page.locator('.world').getAttribute('transform');
  const fold = page.getByRole('button', { name: /events stay here: Stay in closed/ });
  const list = page.getByTestId('fold-list');
  await fold.click();
  await expect.poll(() => list.isVisible()).toBe(true);
  expect(await fold.getAttribute('aria-expanded')).toBe('true');
  expect(await list.textContent()).toContain('tool.started');
  await list.hover();
  await page.mouse.wheel(0, 200);
  await page.keyboard.press('Escape');
  expect(await list.count()).toBe(0);
  expect(await fold.evaluate((one) => one === document.activeElement)).toBe(true);
  await page.keyboard.press('Enter');
  await expect.poll(() => list.isVisible()).toBe(true);
  expect(await page.locator('.world').getAttribute('transform')).toBe(world);
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  const focused = page.locator('.fold:focus');
  expect(await focused.getAttribute('aria-label')).not.toContain('Stay in closed');
  expect(await page.locator('.fold[tabindex="0"]').count()).toBe(1);
  expect(await page.locator('.world').getAttribute('transform')).toBe(world);
  await fold.click();
  await list.getByRole('button').first().click();
  expect(new URL(page.url()).searchParams.get('tab')).toBe('try');
});

// The outline and the log are two tabs of one panel: a round for each. More frames: `npm run test:page`.
it.each(['states', 'events'])(
  'says the same in pill, picture, cursor and %s in every frame under load',
  async (tab) => {
    const server = await fixture({ sessions: 4 });
    const page = await visit(`${server.url}s/od-0001?tab=${tab}`);
    await page.waitForSelector('.chart .leaf.on');
    const timer = setInterval(() => server.sessions[1]?.step(), 15);
    const { odd, moved } = await disagreements(page, 40);
    clearInterval(timer);
    expect(odd).toEqual([]);
    expect(moved).toBeGreaterThan(5);
  },
);

it('marks the transition that was taken, on the right row of two guarded ones, and lets it go', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const page = await visit(`${server.url}s/od-0000?tab=events`, {
    viewport: { width: 2200, height: 1300 },
  });
  await page.waitForSelector('.chart .leaf.on');
  const at = '2030-01-01T00:00:00.000000Z';
  server.sessions[0]?.send({ type: 'turn.started', at, promptId: 'p', prompt: 'x' });
  await page.waitForSelector('[data-edge^="session.phase.active.turn.closed/turn.started"].fire');
  const record = server.sessions[0]?.records.at(-1);
  const fired = await page.$$eval('.row.fire', (all) =>
    all.map((one) => (one as SVGElement).dataset.edge),
  );
  expect(fired).toEqual(record?.edges);
  await page.waitForFunction(
    () => document.querySelectorAll('.chart .fire').length === 0,
    undefined,
    { timeout: 1500 },
  );
});

it('greys an event that was refused, and moves nothing', async () => {
  const server = await fixture({ sessions: 2 }, 3);
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const before = await litStates(page);
  server.sessions[0]?.send(
    { type: 'interrupt.requested', at: '2030-01-01T00:00:00.000000Z' },
    'client',
  );
  await page.waitForSelector('[data-testid=event-list] .refused');
  expect(await firedEdges(page)).toEqual([]);
  expect(await litStates(page)).toEqual(before);
});

it.each([
  ['a desk', {}],
  ['a phone', PHONE],
])(
  'is drawn once on %s: no event draws it anew or moves it, whatever the head above it says',
  async (_, options) => {
    const server = await fixture({ sessions: 2 });
    const page = await visit(`${server.url}s/od-0001?tab=events`, options);
    const chart = page.getByRole('navigation').getByRole('button', { name: 'Chart', exact: true });
    if (await chart.isVisible()) await chart.tap();
    await page.waitForSelector('.chart .leaf.on');
    const world = page.locator('.world');
    await world.evaluate((one) => one.setAttribute('data-drawn', 'once'));
    const before = await world.getAttribute('transform');
    const phases = new Set<string>();
    for (let round = 0; round < 60 || phases.size < 6; round += 1) {
      const { seq } = server.sessions[1]?.step() ?? {};
      for (const path of server.sessions[1]?.row().path ?? []) phases.add(path);
      await page.waitForFunction(
        (wanted) => document.querySelector('[data-testid=now] b')?.textContent === `#${wanted}`,
        seq,
      );
    }
    expect([...phases]).toContain('phase.active.requests.permission');
    expect(await world.getAttribute('data-drawn')).toBe('once');
    expect(await world.getAttribute('transform')).toBe(before);
  },
);

it('stays where it was put while 500 events arrive', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const chart = page.getByTestId('chart');
  const box = await chart.boundingBox();
  if (!box) throw new Error('the chart has no box');
  await page.mouse.move(box.x + 200, box.y + 200);
  await page.mouse.down();
  await page.mouse.move(box.x + 260, box.y + 240, { steps: 4 });
  await page.mouse.up();
  await page.mouse.wheel(0, -200);
  const world = (): Promise<string | null> => page.locator('.world').getAttribute('transform');
  await still(page);
  const before = await world();
  for (let round = 0; round < 500; round += 1) server.sessions[1]?.step();
  await page.waitForFunction(
    (last) => document.querySelector('[data-testid=now]')?.textContent?.includes(`#${last} `),
    server.sessions[1]?.records.at(-1)?.seq,
  );
  expect(await world()).toBe(before);
});
