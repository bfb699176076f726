/** Texts that run from right to left do so wherever they stand; commands and code never do. */
import { expect, it } from 'vitest';
import { asks, fixture, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

const ARABIC = 'أضف دعم الدفع عند الاستلام';
const AT = '2030-01-01T00:00:00.000000Z';

it('shows each text in its own direction, in list, request and conversation', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const [, session] = server.sessions;
  if (!session) throw new Error('There are two');
  Object.assign(session.input.session, { custom_name: ARABIC });
  const content = `${ARABIC}\n\n- ${ARABIC}\n- left to right\n\n\`\`\`ts\nconst a = "${ARABIC}";\n\`\`\`\n\n| ${ARABIC} | b |\n|---|---|\n| c | ${ARABIC} |`;
  for (const [id, message_type, text] of [
    ['m1', 'user', ARABIC],
    ['m2', 'assistant', content],
  ] as const) {
    session.send({
      ...{ type: 'message.added', at: AT },
      message: {
        ...{ id, session_id: session.id, message_type, content: text, tool_name: null },
        ...{ tool_input: null, tool_output: null, is_error: false, duration_ms: null },
        timestamp: '2030-01-01T00:00:00Z',
      },
    } as never);
  }
  asks(session, {
    type: 'question',
    tool_name: 'AskUserQuestion',
    question: ARABIC,
    questions: [
      {
        question: ARABIC,
        options: [{ label: ARABIC, description: ARABIC }, { label: 'UTC' }],
        multi_select: false,
      },
    ],
  });
  const page = await visit(`${server.url}s/${session.id}`);
  await page.getByTestId('approval').waitFor();
  /** Directions of the innermost elements that hold the text. */
  const directions = (scope: string, text: string): Promise<string[]> =>
    page.locator(scope).evaluate((root, wanted) => {
      const holders = [...root.querySelectorAll('*')].filter(
        (one) =>
          one.textContent?.includes(wanted) &&
          ![...one.children].some((child) => child.textContent?.includes(wanted)),
      );
      return [...new Set(holders.map((one) => getComputedStyle(one).direction))];
    }, text);
  for (const scope of ['.virtual-row.active .row-line', '.messages', '[data-testid=approval]']) {
    const found = await directions(`${scope} >> nth=0`, ARABIC);
    expect([scope, found.filter((one) => one === 'rtl')]).toEqual([scope, ['rtl']]);
  }
  expect(await directions('.messages', 'left to right')).toEqual(['ltr']);
  expect(await page.locator('.code-block').evaluate((one) => getComputedStyle(one).direction)).toBe(
    'ltr',
  );
  await page.getByLabel('Message to the session').fill(ARABIC);
  expect(
    await page.locator('.composer textarea').evaluate((one) => getComputedStyle(one).direction),
  ).toBe('rtl');
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(excess).toBeLessThanOrEqual(0);
});
