/** The contrast of every control in every state it can be in; tools that check a page at rest do not see them. */
import type { CDPSession, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { asks, fixture, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

/** What WCAG 2.2 asks of texts; disabled controls are exempt there and not here. */
const ENOUGH = { hover: 4.5, focus: 4.5, active: 4.5, disabled: 4.5 } as const;
const CONTROLS = 'button, a, input, select, textarea, summary, [role=option]';

describe.each(['light', 'dark'] as const)('in %s, texts of controls can be read', (colorScheme) => {
  it.each([
    ['s/od-0001?tab=session', 'while a command waits'],
    ['s/od-0004?tab=session', 'while questions wait'],
    ['s/od-0001?tab=try', 'where an event is tried'],
    ['s/od-0001?tab=events', 'in the list of events'],
    ['board', 'on the board'],
    ['grid', 'beside the counts of states'],
    ['machines/session', 'in the catalogue'],
    ['about', 'in what is said about the server'],
  ])('on %s, %s, under the pointer, focused, pressed and disabled', async (path) => {
    const server = await fixture({ sessions: 6 }, 8);
    asks(server.sessions[1], { command: 'npm test', proposed_amendment: ['npm'] });
    const options = [{ label: 'One' }, { label: 'Two', description: 'The other.' }];
    const questions = [
      { question: 'Which?', options, multi_select: false },
      { question: 'Which ones?', options, multi_select: true },
    ];
    asks(server.sessions[4], { type: 'question', question: 'Which?', questions });
    const page = await visit(server.url + path, { colorScheme, reducedMotion: 'reduce' });
    await page
      .locator('.approval, .pane, .events, .tile, .board-card, .catalogue-state, .card')
      .first()
      .waitFor();
    const found: string[] = [];
    const debug = await page.context().newCDPSession(page);
    for (const state of ['hover', 'focus', 'active'] as const) {
      await force(debug, state);
      found.push(...(await tooPale(page, state, ENOUGH[state])));
    }
    await force(debug, null);
    await page.$$eval('button, input, select, textarea', (all) => {
      for (const one of all) (one as HTMLButtonElement).disabled = true;
    });
    found.push(...(await tooPale(page, 'disabled', ENOUGH.disabled)));
    expect(found).toEqual([]);
  });
});

/** Puts every control into a state, as the pointer or the keyboard would one after the other. */
async function force(debug: CDPSession, state: 'hover' | 'focus' | 'active' | null): Promise<void> {
  await debug.send('DOM.enable');
  await debug.send('CSS.enable');
  const { root } = await debug.send('DOM.getDocument');
  const { nodeIds } = await debug.send('DOM.querySelectorAll', {
    nodeId: root.nodeId,
    selector: CONTROLS,
  });
  // Who is pressed is pointed at, and who is focused by keys shows it.
  const also = { hover: ['hover'], active: ['hover', 'active'], focus: ['focus', 'focus-visible'] };
  const forcedPseudoClasses = state === null ? [] : also[state];
  for (const nodeId of nodeIds)
    await debug.send('CSS.forcePseudoState', { nodeId, forcedPseudoClasses });
}

/** Texts of controls whose contrast is too low, each in words with its colours. */
function tooPale(page: Page, state: string, enough: number): Promise<string[]> {
  return page.$$eval(
    CONTROLS,
    (all, { state, enough }) => {
      type Colour = [number, number, number, number];
      const canvas = document
        .createElement('canvas')
        .getContext('2d', { willReadFrequently: true });
      const colour = (css: string): Colour => {
        if (!canvas) throw new Error('The browser has no canvas');
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
      };
      const over = ([r, g, b, a]: Colour, [R, G, B]: Colour): Colour => [
        r * a + R * (1 - a),
        g * a + G * (1 - a),
        b * a + B * (1 - a),
        1,
      ];
      const behind = (one: Element | null): Colour => {
        if (!one) return [255, 255, 255, 1];
        const own = colour(getComputedStyle(one).backgroundColor);
        return own[3] === 1 ? own : over(own, behind(one.parentElement));
      };
      const light = ([r, g, b]: Colour): number => {
        const [x = 0, y = 0, z = 0] = [r, g, b].map((part) =>
          part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
      };
      const opacityOf = (one: Element | null): number =>
        one ? Number(getComputedStyle(one).opacity) * opacityOf(one.parentElement) : 1;
      const texts = (one: Element): Element[] =>
        [one, ...one.querySelectorAll('*')].filter((inner) =>
          [...inner.childNodes].some(
            (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim(),
          ),
        );
      return all.flatMap((control) => {
        if (control.getClientRects().length === 0) return [];
        return texts(control).flatMap((one) => {
          const style = getComputedStyle(one);
          if (style.visibility === 'hidden' || style.clipPath !== 'none') return [];
          const ground = behind(one);
          const [r, g, b, a] = colour(style.color);
          const ink = over([r, g, b, a * opacityOf(one)], ground);
          const [high, low] = [light(ink), light(ground)].sort((x, y) => y - x);
          const ratio = ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
          if (ratio >= enough) return [];
          const words = `${one.tagName}.${one.className} "${one.textContent?.trim().slice(0, 30)}"`;
          return [`${state}: ${words} ${ratio.toFixed(2)}:1`];
        });
      });
    },
    { state, enough },
  );
}
