/** Everything can be read and pressed at every size that people have, also zoomed: nothing covers a control. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { asks, fixture, still, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

const SIZES = [
  [1920, 1080],
  [1680, 1050],
  [1536, 864],
  [1440, 900],
  [1366, 768],
  [1280, 720],
  [1024, 768],
  [834, 1194],
  [768, 1024],
  [844, 390],
  [640, 360],
  [390, 844],
  [360, 640],
  [320, 568],
] as const;

const QUESTIONS = ['Which database?', 'Which tests?'].map((question, index) => ({
  question,
  options: [{ label: 'One', description: 'The first of them.' }, { label: 'Two' }],
  multi_select: index > 0,
}));

const LONG = Array.from({ length: 60 }, (_, line) => `echo line ${line + 1}`).join('\n');

it.each([
  ['a command of one line', 1, { command: 'npm test', proposed_amendment: ['npm'] }, []],
  ['a command of seven lines', 1, { command: LONG.split('\n').slice(0, 7).join('\n') }, []],
  ['a command of sixty lines', 1, { command: LONG }, []],
  ['a command about to be denied', 1, { command: 'npm test' }, [/^Deny:/]],
  ['a command about to be always allowed', 1, { command: 'npm test' }, [/^Approve always/]],
  ['two questions', 4, { type: 'question', questions: QUESTIONS }, []],
  ['two questions of a watched session', 0, { type: 'question', questions: QUESTIONS }, []],
] as const)(
  'leaves %s readable to its end, and every control free',
  async (_, at, request, press) => {
    const server = await fixture({ sessions: 6 }, 6);
    asks(server.sessions[at], request as never);
    const page = await visit(`${server.url}s/${server.sessions[at]?.id}`);
    await page.getByTestId('approval').waitFor();
    for (const name of press) await page.getByRole('button', { name }).click();
    const found: string[] = [];
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await still(page);
      found.push(...(await covered(page)).map((one) => `${width}x${height} ${one}`));
      found.push(...(await unreadable(page)).map((one) => `${width}x${height} ${one}`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) found.push(`${width}x${height} is ${wide} wide`);
    }
    expect(found).toEqual([]);
  },
);

it.each([
  ['the inbox', 'inbox', '.inbox button, .inbox input'],
  ['the list', 'sessions', '.sessions button, .sessions input, .sessions select'],
  ['the timeline', 's/od-0001?tab=timeline', '.journal :is(button, select, summary)'],
  ['the board', 'board', '.board-page :is(button, input, a)'],
  ['a conversation', 's/od-0001', '.composer :is(button, textarea, select), header button'],
])('leaves every control of %s free at every size', async (_, path, controls) => {
  const server = await fixture({ sessions: 6 }, 6);
  asks(server.sessions[1], { command: LONG.split('\n').slice(0, 7).join('\n') });
  const page = await visit(`${server.url}${path}`);
  await page.locator('.approval, .row-link, .journal, .board-card').first().waitFor();
  const found: string[] = [];
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await still(page);
    found.push(...(await covered(page, controls)).map((one) => `${width}x${height} ${one}`));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`${width}x${height} is ${wide} wide`);
  }
  expect(found).toEqual([]);
});

/** Controls that something else lies on, at their middle or near a corner, once they are scrolled to. */
const ALWAYS =
  '.approval button, .approval input, .approval label, nav button, nav a, .top-bar button';

function covered(page: Page, controls = ALWAYS): Promise<string[]> {
  return page.$$eval(`${ALWAYS}, ${controls}`, (all) =>
    all.flatMap((one) => {
      // What a closed part holds has boxes and is not shown.
      if (!one.checkVisibility()) return [];
      one.scrollIntoView({ block: 'nearest', behavior: 'instant' });
      const { left, top, width, height } = one.getBoundingClientRect();
      const inset = 4;
      const points = [
        [left + width / 2, top + height / 2],
        [left + inset, top + inset],
        [left + width - inset, top + inset],
        [left + inset, top + height - inset],
        [left + width - inset, top + height - inset],
      ] as const;
      const isFree = points.every(([x, y]) => {
        const hit = document.elementFromPoint(x, y);
        return hit !== null && (one.contains(hit) || hit.contains(one));
      });
      const words = one.getAttribute('aria-label') ?? one.textContent ?? '';
      return isFree ? [] : [`${one.tagName} "${words.trim().slice(0, 30)}" is covered or cut`];
    }),
  );
}

/** Texts of the request that cannot be brought into view whole, line by line. */
function unreadable(page: Page): Promise<string[]> {
  return page.$$eval('.approval :is(.asked-text, dd, .asked-question, .choice, .where)', (all) =>
    all.flatMap((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      const pane = one.closest('.talk-scroll');
      if (!pane) return ['the request stands outside of the pane that scrolls'];
      const count = range.getClientRects().length;
      for (let line = 0; line < count; line += 1) {
        // Scrolled to a third of the pane: the decisions stand below it.
        const before = range.getClientRects()[line];
        if (!before || before.width < 1) continue;
        const box = pane.getBoundingClientRect();
        pane.scrollTop += before.top - box.top - box.height / 3;
        const rect = range.getClientRects()[line];
        if (!rect) continue;
        const hit = document.elementFromPoint(
          rect.left + Math.min(3, rect.width / 2),
          rect.top + rect.height / 2,
        );
        if (!hit || !(one.contains(hit) || hit.contains(one)) || hit.closest('.decisions')) {
          return [`line ${line + 1} of "${one.textContent?.slice(0, 20)}" cannot be seen`];
        }
      }
      return [];
    }),
  );
}
