/** What all tests in the browser share: one browser, a fixture server a file, pages without faults. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { ApprovalRequest } from '../../../src/protocol/nouns.ts';
import type { FakeSession } from './actors.ts';
import { openPage, startBrowser, type WatchedPage } from './browser.ts';
import { type Fixture, type FixtureOptions, startFixture } from './fixture-server.ts';

let browser: Browser;
let open: WatchedPage[] = [];
const ends: (() => unknown)[] = [];

/** Starts the browser before the file's tests and closes everything after them. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async () => {
    const faults = open.flatMap((one) => one.faults);
    for (const { page } of open) await page.context().close();
    open = [];
    for (const end of ends.splice(0).reverse()) await end();
    expect(faults).toEqual([]);
  });
  afterAll(() => browser.close());
}

/** A server that is closed after the test, its sessions some events old. */
export async function fixture(options: FixtureOptions, eventsEach = 12): Promise<Fixture> {
  const server = await startFixture(options);
  for (let round = 0; round < eventsEach; round += 1) for (const one of server.sessions) one.step();
  ends.push(() => server.close());
  return server;
}

/** A page that is closed after the test; its faults fail it. */
export async function visit(
  url: string,
  options: BrowserContextOptions & { seen?: (page: Page) => Promise<void> } = {},
): Promise<Page> {
  const watched = await openPage(browser, url, options);
  open.push(watched);
  return watched.page;
}

/** The faults of the newest page so far; those of an expected kind can be taken out. */
export function expectFaults(expected: RegExp): void {
  for (const one of open) {
    const others = one.faults.filter((fault) => !expected.test(fault));
    one.faults.splice(0, one.faults.length, ...others);
  }
}

/** Runs after the test. */
export function afterwards(end: () => unknown): void {
  ends.push(end);
}

/** Ids of the states that are lit in the diagram. */
export function litStates(page: Page): Promise<string[]> {
  return page.$$eval('.chart .state.on', (states) =>
    states.map((state) => (state as SVGElement).dataset.state ?? ''),
  );
}

/** Transitions that the diagram shows as taken; each must light something of it. */
export function firedEdges(page: Page): Promise<string[]> {
  return page.getByTestId('chart').evaluate((chart) => {
    const fired = chart.dataset.fire?.split('\n').filter(Boolean) ?? [];
    if (fired.length > 0 && !chart.querySelector('.fire')) return ['nothing is lit'];
    return fired;
  });
}

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** The same phone, held across. */
export const LYING_PHONE = { ...PHONE, viewport: { width: 844, height: 390 } };
/** A laptop's window at 150 %. */
export const ZOOMED = { ...PHONE, viewport: { width: 853, height: 533 } };
export const SMALL_PHONE = {
  viewport: { width: 320, height: 640 },
  hasTouch: true,
  isMobile: true,
};

/** Settles when nothing on the page has moved or changed for ten frames. */
export async function still(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const isMoving = (): boolean =>
      document.getAnimations().some(({ playState, effect }) => {
        const end = Number(effect?.getComputedTiming().endTime ?? 0);
        return playState === 'running' && Number.isFinite(end);
      });
    let before = '';
    for (let calm = 0; calm < 10; ) {
      await new Promise(requestAnimationFrame);
      const now = document.body.innerHTML;
      calm = now === before && !isMoving() ? calm + 1 : 0;
      before = now;
    }
  });
}

/** A session asks for something. */
export function asks(
  session: FakeSession | undefined,
  request: Partial<ApprovalRequest>,
  at = '2030-01-01T00:00:00.000000Z',
): void {
  session?.send({
    type: 'approval.requested',
    at,
    tool: null,
    toolUseId: null,
    server: null,
    request: {
      id: 'r-1',
      session_id: session.id,
      type: 'exec',
      command: null,
      file_path: null,
      diff: null,
      question: null,
      ...request,
    },
  });
}
