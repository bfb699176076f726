/** The page for everybody: phones, keys, screen readers, light and dark. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import {
  asks,
  expectFaults,
  fixture,
  LYING_PHONE,
  PHONE,
  SMALL_PHONE,
  still,
  useBrowser,
  visit,
  ZOOMED,
} from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';

useBrowser();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const PAGES = ['inbox', 'board', 'grid', 'machines/session', 'about', 's/od-0001/connector'];

/** A permission and two questions wait. */
function openRequests({ sessions }: Fixture): void {
  const options = [{ label: 'SQLite', description: 'One file.' }, { label: 'Postgres' }];
  const questions = ['Which database?', 'Which tests?'].map((question, index) => ({
    question,
    options,
    multi_select: index > 0,
  }));
  asks(sessions[1], { command: 'git push \u202e', proposed_amendment: ['git'], tool_name: 'Bash' });
  asks(sessions[4], { type: 'question', question: 'Two', questions });
}

/** Serious and moderate findings of axe, in words. */
async function findings(page: Page): Promise<string[]> {
  // Through the debugger, because the page's policy lets no foreign script in.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(): Promise<{
          violations: {
            id: string;
            impact: string;
            nodes: { html: string; failureSummary: string }[];
          }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact !== 'minor')
      .flatMap(({ id, nodes }) =>
        nodes
          .slice(0, 3)
          .map(
            ({ html, failureSummary }) =>
              `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`,
          ),
      );
  });
}

describe.each(['light', 'dark'] as const)('axe finds nothing in %s', (colorScheme) => {
  it('on a desk, in every tab, live and held', async () => {
    const server = await fixture({ sessions: 40 }, 20);
    const page = await visit(`${server.url}s/od-0001?tab=events`, { colorScheme });
    await page.waitForSelector('.chart .leaf.on');
    const found: string[] = [];
    for (const key of ['1', '2', '3', '4', '5', '6', '7', '8', ',', '?']) {
      await page.keyboard.press(key);
      await still(page);
      found.push(...(await findings(page)).map((one) => `${key} ${one}`));
    }
    expect(found).toEqual([]);
  });

  it('on the other pages, with requests open, asking for a token, and without a server', async () => {
    const server = await fixture({ sessions: 40 }, 20);
    openRequests(server);
    const page = await visit(`${server.url}grid`, { colorScheme });
    const found: string[] = [];
    for (const path of [...PAGES, 's/od-0001?tab=session', 's/od-0004?tab=session']) {
      await page.goto(server.url + path);
      await page
        .locator(
          '.tile, .catalogue-state, .card, .approval, .inbox, .board-card, [data-testid=nothing-waits]',
        )
        .first()
        .waitFor();
      found.push(...(await findings(page)).map((one) => `${path} ${one}`));
    }
    await server.close();
    await page.getByTestId('offline').waitFor();
    found.push(...(await findings(page)).map((one) => `offline ${one}`));
    const locked = await fixture({ sessions: 1, token: 'od_secret' });
    await page.goto(locked.url);
    await page.getByTestId('token-form').waitFor();
    found.push(...(await findings(page)).map((one) => `token ${one}`));
    expect(found).toEqual([]);
    expectFaults(/ERR_CONNECTION|WebSocket connection|outside: /);
  });

  it('in what opens over the page: palette, files, kept prompts, new session, queued words', async () => {
    const server = await fixture({ sessions: 6 }, 0);
    server.files.set('/home/dev/web-client-1/', ['src/', 'README.md']);
    const [, session] = server.sessions;
    const at = '2030-01-01T00:00:00.000000Z';
    session?.send({ type: 'turn.started', at, promptId: 'p', prompt: 'Go' } as never);
    const page = await visit(`${server.url}s/od-0001`, { colorScheme });
    const found: string[] = [];
    const look = async (what: string): Promise<void> => {
      await still(page);
      found.push(...(await findings(page)).map((one) => `${what} ${one}`));
    };
    await page.getByRole('combobox', { name: 'When it is read' }).selectOption('queue');
    const field = page.getByLabel('Message for the end of the turn');
    await field.fill('later');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Queued messages' }).waitFor();
    await field.pressSequentially('@');
    await page.getByRole('listbox', { name: 'Files' }).waitFor();
    await look('files');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Templates' }).click();
    await page.getByRole('button', { name: 'Keep what is written' }).click();
    await page.getByRole('button', { name: 'Templates' }).click();
    await look('kept prompts');
    await page.keyboard.press('Control+k');
    await page.locator('.palette-field:focus').waitFor();
    await look('palette');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'New session' }).click();
    await look('new session');
    expect(found).toEqual([]);
  });

  it('on a phone, in every view', async () => {
    const server = await fixture({ sessions: 40 }, 20);
    const page = await visit(`${server.url}sessions`, { colorScheme, ...PHONE });
    const found: string[] = [];
    await page.locator('.virtual-row').first().waitFor();
    await still(page);
    found.push(...(await findings(page)).map((one) => `Sessions ${one}`));
    await page.getByRole('button', { name: 'Menu', exact: true }).tap();
    found.push(...(await findings(page)).map((one) => `Menu ${one}`));
    await page.goto(`${server.url}s/od-0001`);
    for (const name of ['Talk', 'Now', 'States', 'Chart', 'Timeline']) {
      await page.getByRole('navigation').getByRole('button', { name, exact: true }).click();
      await still(page);
      found.push(...(await findings(page)).map((one) => `${name} ${one}`));
    }
    for (const path of PAGES) {
      await page.goto(server.url + path);
      await page
        .locator('.tile, .catalogue-state, .card, .inbox, .board-card, [data-testid=nothing-waits]')
        .first()
        .waitFor();
      found.push(...(await findings(page)).map((one) => `${path} ${one}`));
    }
    expect(found).toEqual([]);
  });
});

describe.each([
  ['390 px', PHONE],
  ['320 px', SMALL_PHONE],
  ['844 px, held across,', LYING_PHONE],
])('a phone of %s', (_, options) => {
  it('shows everything without a sideways scroll, with targets for fingers', async () => {
    const server = await fixture({ sessions: 20 }, 20);
    const page = await visit(`${server.url}sessions`, options);
    openRequests(server);
    const faults: string[] = [];
    const look = async (where: string): Promise<void> => {
      await still(page);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > options.viewport.width) faults.push(`${where} is ${width} wide`);
      faults.push(...(await tooSmall(page)).map((one) => `${where} ${one}`));
    };
    await page.locator('.virtual-row').first().waitFor();
    await look('Sessions');
    await page.locator('.virtual-row').first().tap();
    await page.getByTestId('session').waitFor();
    for (const name of ['Talk', 'Now', 'States', 'Chart', 'Timeline']) {
      await page.getByRole('navigation').getByRole('button', { name, exact: true }).tap();
      await look(name);
    }
    for (const path of [...PAGES, 's/od-0001?tab=session', 's/od-0004?tab=session']) {
      await page.goto(server.url + path);
      await page
        .locator(
          '.tile, .catalogue-state, .card, .approval, .inbox, .board-card, [data-testid=nothing-waits]',
        )
        .first()
        .waitFor();
      await look(path);
    }
    expect(faults).toEqual([]);
  });
});

it.each([
  ['a phone that is held across', LYING_PHONE],
  ['a window at 150 %', ZOOMED],
])('leaves room for what is looked at in %s', async (_, options) => {
  const server = await fixture({ sessions: 5 }, 10);
  const page = await visit(`${server.url}s/od-0001`, options);
  const room = async (view: string, part: string): Promise<number> => {
    await page.getByRole('navigation').getByRole('button', { name: view, exact: true }).tap();
    const box = await page.locator(part).first().boundingBox();
    return (box?.height ?? 0) / options.viewport.height;
  };
  expect(await room('States', '.outline')).toBeGreaterThan(0.35);
  expect(await room('Chart', '.chart')).toBeGreaterThan(0.25);
  expect(await room('Timeline', '.journal')).toBeGreaterThan(0.35);
});

it('cuts a long name before the states beside it', async () => {
  const server = await fixture({ sessions: 1 }, 3);
  const [session] = server.sessions;
  if (session) session.input.session.project_name = 'n'.repeat(200);
  session?.step();
  const page = await visit(`${server.url}s/od-0000?tab=events`, {
    viewport: { width: 1280, height: 800 },
  });
  const cut = () =>
    page.$$eval('.chart-states .pill', (all) =>
      all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent),
    );
  await expect.poll(() => page.locator('.chart-head h1').textContent()).toContain('nnnn');
  expect(await cut()).toEqual([]);
});

it('marks what is active also where the system takes all backgrounds away', async () => {
  const server = await fixture({ sessions: 2 }, 10);
  const page = await visit(`${server.url}s/od-0001?tab=states`, { forcedColors: 'active' });
  await page.locator('.outline-state.on').first().waitFor();
  const marks = ['.outline-state.on', '.outline-state .dot', '.pill', '.virtual-row.active'];
  const kept = await page.evaluate(
    (all) =>
      all.filter((mark) => {
        const one = document.querySelector(mark);
        return one !== null && getComputedStyle(one).forcedColorAdjust === 'none';
      }),
    [...marks, '.outline-state:not(.on)'],
  );
  expect(kept).toEqual(marks);
});

/** What a finger could miss: 44 px for tabs, 40 for all else. */
function tooSmall(page: Page): Promise<string[]> {
  const targets = 'button, select, summary, nav a, input:not([type=checkbox]):not([type=range])';
  return page.$$eval(targets, (all) =>
    all
      .filter((one) => one.getClientRects().length > 0)
      .map((one) => ({
        words: one.textContent || one.getAttribute('aria-label'),
        h: one.getBoundingClientRect().height,
        isTab: one.closest('nav, [role=tablist]') !== null,
      }))
      .filter(({ h, isTab }) => h < (isTab ? 44 : 40) - 0.5)
      .map(({ words, h }) => `${words}: ${h}`),
  );
}

it('opens the conversation first on a phone, and the outline explains by touch', async () => {
  const server = await fixture({ sessions: 5 }, 10);
  const page = await visit(`${server.url}sessions`, PHONE);
  await page.locator('.virtual-row').first().tap();
  await page.getByTestId('session').waitFor();
  await page.getByRole('navigation').getByRole('button', { name: 'States' }).tap();
  await page.locator('[data-outline="session.phase.ended"]').tap();
  await expect.poll(() => page.getByTestId('why').textContent()).toContain('It is not in ended');
});

it('zooms with two fingers', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`, PHONE);
  await page.getByRole('navigation').getByRole('button', { name: 'Chart' }).tap();
  await page.waitForSelector('.chart .leaf.on');
  const scale = async (): Promise<number> =>
    Number(
      /scale\(([\d.]+)/.exec((await page.locator('.world').getAttribute('transform')) ?? '')?.[1],
    );
  const before = await scale();
  const client = await page.context().newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', spread: number): Promise<unknown> =>
    client.send('Input.dispatchTouchEvent', {
      type,
      touchPoints:
        type === 'touchEnd'
          ? []
          : [
              { x: 195 - spread, y: 400, id: 1 },
              { x: 195 + spread, y: 400, id: 2 },
            ],
    });
  await touch('touchStart', 30);
  for (const spread of [45, 60, 80, 100]) await touch('touchMove', spread);
  await touch('touchEnd', 0);
  expect(await scale()).toBeGreaterThan(before * 1.5);
});

it('can be used by keys alone: everything is reached, a dialog gives the focus back', async () => {
  const server = await fixture({ sessions: 6 }, 10);
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const reached = new Set<string>();
  for (let press = 0; press < 46; press += 1) {
    await page.keyboard.press('Tab');
    reached.add(
      await page.evaluate(() => {
        const one = document.activeElement;
        return one?.getAttribute('aria-label') || one?.textContent?.slice(0, 20) || one?.id || '';
      }),
    );
  }
  for (const name of [
    'Filter sessions',
    'Sessions',
    'All',
    'Fit',
    'Step back',
    'Moment in the journal',
    'Events',
    'Filter events',
  ]) {
    expect([...reached].join('\n')).toContain(name);
  }
  const help = page.getByRole('button', { name: 'Menu and keys' });
  await help.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let press = 0; press < 12; press += 1) await page.keyboard.press('Tab');
  expect(
    await page.evaluate(
      () =>
        document.activeElement?.closest('dialog') !== null ||
        document.activeElement === document.body,
    ),
  ).toBe(true);
  await page.keyboard.press('Escape');
  expect(await help.evaluate((one) => one === document.activeElement)).toBe(true);
});

it('moves through tabs and lists by arrows', async () => {
  const server = await fixture({ sessions: 6 }, 10);
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.getByRole('tab', { name: 'Events' }).focus();
  await page.keyboard.press('ArrowRight');
  expect(await page.getByRole('tab', { name: 'Sequence' }).getAttribute('aria-selected')).toBe(
    'true',
  );
  await page.locator('[data-testid=session-list] a[tabindex="0"]').focus();
  const before = page.url();
  for (const key of ['ArrowDown', 'ArrowUp', 'ArrowUp']) {
    await page.keyboard.press(key);
    // The focus goes on with the choice.
    await expect
      .poll(() =>
        page.locator('.virtual-row.active a').evaluate((a) => a === document.activeElement),
      )
      .toBe(true);
  }
  expect(page.url()).not.toBe(before);
});

it('follows the system, and is switched by hand', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}sessions`, { colorScheme: 'dark' });
  const theme = (): Promise<string | undefined> =>
    page.evaluate(() => document.documentElement.dataset.theme);
  await expect.poll(theme).toBe('dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(theme).toBe('light');
  await page.keyboard.press('t');
  await page.keyboard.press('t');
  await expect.poll(theme).toBe('dark');
  await page.reload();
  await expect.poll(theme).toBe('dark');
});

it('moves nothing for those who want no motion', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`, { reducedMotion: 'reduce' });
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 20; round += 1) server.sessions[1]?.step();
  await still(page);
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
});
