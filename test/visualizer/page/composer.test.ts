/** What goes with a message: files, pictures, effort and model, kept prompts; and what waits for the end of a turn. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { FakeSession } from '../support/actors.ts';
import { fixture, PHONE, SMALL_PHONE, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

const AT = '2030-01-01T00:00:00.000000Z';
const FOLDER = '/home/dev/web-client-1';
/** The smallest PNG there is, one pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** A server whose second session is steered from here, and takes messages. */
async function steered() {
  const server = await fixture({ sessions: 2 }, 0);
  server.accepted.add('send_message').add('steer_turn');
  server.files.set(`${FOLDER}/`, ['src/', 'README.md', 'server.ts']);
  server.files.set(`${FOLDER}/src/`, ['main.ts', 'lib/']);
  const session = server.sessions[1] as FakeSession;
  session.send({ type: 'link.requested', at: AT } as never);
  session.send({
    ...{ type: 'link.attached', at: AT, threadId: 'thread-1' },
    capabilities: ['turn.run', 'turn.steer', 'turn.stop'],
  } as never);
  return { server, session, url: `${server.url}s/od-0001` };
}

const begin = (session: FakeSession) =>
  session.send({ type: 'turn.started', at: AT, promptId: 'p', prompt: 'Go' } as never);
const end = (session: FakeSession) =>
  session.send({ type: 'turn.completed', at: AT, backgroundAgents: null } as never);

/** Lets a file fall onto the composer, or pastes it there. */
function give(page: Page, way: 'drop' | 'paste', name: string, type: string): Promise<void> {
  return page.locator('.composer textarea').evaluate(
    (field, { way, name, type, pixel }) => {
      const bytes = Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0));
      const files = new DataTransfer();
      files.items.add(new File([bytes], name, { type }));
      const event =
        way === 'drop'
          ? new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true })
          : new ClipboardEvent('paste', { clipboardData: files, bubbles: true, cancelable: true });
      field.dispatchEvent(event);
    },
    { way, name, type, pixel: PIXEL },
  );
}

it('offers the files of the directory behind an at sign, by keys alone, and sends those that exist', async () => {
  const { server, url } = await steered();
  const page = await visit(url);
  const field = page.getByLabel('Message to the session');
  await field.pressSequentially('Look at @s');
  const offered = page.getByRole('listbox', { name: 'Files' }).getByRole('option');
  await expect.poll(() => offered.allTextContents()).toEqual(['src/', 'server.ts']);
  await page.keyboard.press('Enter');
  await expect.poll(() => offered.allTextContents()).toEqual(['src/main.ts', 'src/lib/']);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Tab');
  expect(await field.inputValue()).toBe('Look at @src/main.ts ');
  await field.pressSequentially('and @types/node');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({
      type: 'send_message',
      content: 'Look at @src/main.ts and @types/node',
      mentions: [{ name: 'main.ts', path: 'src/main.ts' }],
    });
  expect(await field.inputValue()).toBe('');
});

it('says why files cannot be listed, and takes the words all the same', async () => {
  const { server, url } = await steered();
  server.files.clear();
  const page = await visit(url);
  await page.getByLabel('Message to the session').pressSequentially('@');
  await expect.poll(() => page.locator('.mentions').textContent()).toContain('cannot be listed');
  await page.keyboard.press('Escape');
  expect(await page.locator('.mentions').count()).toBe(0);
  await page.getByLabel('Message to the session').pressSequentially('src');
  await page.keyboard.press('Enter');
  await expect.poll(() => server.said.at(-1)).toMatchObject({ content: '@src' });
  expect(server.said.at(-1)).not.toHaveProperty('mentions');
});

it('takes pictures by drop, paste and choice, shows them, and sends them', async () => {
  const { server, url } = await steered();
  const page = await visit(url);
  await page.locator('.composer').waitFor();
  await give(page, 'drop', 'one.png', 'image/png');
  await give(page, 'paste', 'two.png', 'image/png');
  await page.locator('.composer input[type=file]').setInputFiles({
    ...{ name: 'three.png', mimeType: 'image/png', buffer: Buffer.from(PIXEL, 'base64') },
  });
  const pictures = page.getByRole('list', { name: 'Pictures of this message' });
  await expect.poll(() => pictures.getByRole('img').count()).toBe(3);
  const isDrawn = await pictures
    .getByRole('img', { name: 'one.png' })
    .evaluate((image) => (image as HTMLImageElement).naturalWidth);
  expect(isDrawn).toBe(1);
  await page.getByRole('button', { name: 'Remove two.png' }).click();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  const value = `data:image/png;base64,${PIXEL}`;
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({
      content: '',
      images: [
        { input_type: 'url', value },
        { input_type: 'url', value },
      ],
    });
  await expect.poll(() => pictures.count()).toBe(0);
});

it('refuses what is no picture, in words', async () => {
  const { url } = await steered();
  const page = await visit(url);
  await page.locator('.composer').waitFor();
  await give(page, 'drop', 'notes.pdf', 'application/pdf');
  await expect
    .poll(() => page.locator('.composer').getByRole('alert').textContent())
    .toContain('notes.pdf is not a picture');
});

it('offers the efforts of the model that is chosen', async () => {
  const { server, url } = await steered();
  const page = await visit(url);
  const model = page.getByRole('combobox', { name: 'Model' });
  await model.focus();
  await expect.poll(() => model.locator('option').count()).toBe(2);
  await model.selectOption('gpt-5-deep');
  const effort = page.getByRole('combobox', { name: 'Effort' });
  await expect.poll(() => effort.locator('option').last().textContent()).toBe('effort xhigh');
  await effort.selectOption('xhigh');
  await page.getByLabel('Message to the session').fill('Think');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({ content: 'Think', model: 'gpt-5-deep', effort: 'xhigh' });
});

it('queues messages for the end of the turn, and sends them then as one', async () => {
  const { server, session, url } = await steered();
  begin(session);
  const page = await visit(url);
  const when = page.getByRole('combobox', { name: 'When it is read' });
  await when.selectOption('queue');
  const queue = page.getByRole('region', { name: 'Queued messages' });
  for (const words of ['first', 'wrong', 'second']) {
    await page.getByLabel('Message for the end of the turn').fill(words);
    await page.getByRole('button', { name: 'Queue', exact: true }).click();
  }
  await queue.getByRole('button', { name: 'Remove queued message 2' }).click();
  expect(server.said.filter((one) => (one as { type: string }).type === 'send_message')).toEqual(
    [],
  );
  await page.reload();
  await expect.poll(() => queue.getByRole('listitem').count()).toBe(2);
  end(session);
  await expect.poll(() => server.said.at(-1)).toMatchObject({ content: 'first\n\nsecond' });
  await expect.poll(() => queue.count()).toBe(0);
});

it('puts a queued message back into the field, and keeps one that is refused', async () => {
  const { server, session, url } = await steered();
  begin(session);
  const page = await visit(url);
  await page.getByRole('combobox', { name: 'When it is read' }).selectOption('queue');
  const field = page.getByLabel('Message for the end of the turn');
  const queue = page.getByRole('region', { name: 'Queued messages' });
  await field.fill('later');
  await page.keyboard.press('Enter');
  await queue.getByRole('button', { name: 'Edit' }).click();
  expect(await field.inputValue()).toBe('later');
  await page.keyboard.press('Enter');
  server.accepted.clear();
  await queue.getByRole('button', { name: 'Send now' }).click();
  await expect.poll(() => queue.textContent()).toContain('not implemented yet');
  expect(await queue.getByRole('listitem').count()).toBe(1);
});

it('steers with pictures as a message, which has room for them', async () => {
  const { server, session, url } = await steered();
  begin(session);
  const page = await visit(url);
  const field = page.getByLabel('Words for the running turn');
  await field.fill('bare');
  await page.keyboard.press('Enter');
  await expect.poll(() => server.said.at(-1)).toMatchObject({ type: 'steer_turn' });
  await give(page, 'paste', 'one.png', 'image/png');
  await page.getByRole('img', { name: 'one.png' }).waitFor();
  await field.fill('like this');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({ type: 'send_message', content: 'like this' });
  expect(await page.getByRole('combobox', { name: 'Effort' }).count()).toBe(0);
});

it('keeps what is written to a session while another one is looked at', async () => {
  const { url } = await steered();
  const page = await visit(url);
  await page.getByLabel('Message to the session').fill('half a thou');
  await page.getByRole('link', { name: /^orbit-api-0/ }).click();
  await page.getByLabel('Message for the end of a turn').fill('for the terminal');
  await page.getByRole('link', { name: /^web-client-1/ }).click();
  await expect
    .poll(() => page.getByLabel('Message to the session').inputValue())
    .toBe('half a thou');
});

it('offers a session in a terminal nothing but words', async () => {
  const { server } = await steered();
  const page = await visit(`${server.url}s/od-0000`);
  await page.getByLabel('Message for the end of a turn').waitFor();
  const composer = page.locator('.composer');
  expect(await composer.getByRole('combobox').count()).toBe(0);
  expect(await composer.getByRole('button').allTextContents()).toEqual(['Queue']);
});

it('keeps prompts in this browser, for messages and new sessions', async () => {
  const { url } = await steered();
  const page = await visit(url);
  const templates = page.getByRole('button', { name: 'Templates' });
  await page.getByLabel('Message to the session').fill('Review this\nand be short');
  await templates.click();
  await page.getByRole('button', { name: 'Keep what is written' }).click();
  await page.reload();
  await page.getByRole('button', { name: 'New session' }).click();
  const dialog = page.getByRole('dialog', { name: 'New session' });
  await dialog.getByRole('button', { name: 'Templates' }).click();
  await dialog.getByRole('button', { name: 'Review this', exact: true }).click();
  expect(await dialog.getByLabel('What should it do?').inputValue()).toBe(
    'Review this\nand be short',
  );
  await dialog.getByRole('button', { name: 'Templates' }).click();
  await dialog.getByRole('button', { name: 'Remove template Review this' }).click();
  await expect.poll(() => dialog.getByText('No prompt is kept yet').count()).toBe(1);
  await page.keyboard.press('Escape');
  expect(await dialog.count()).toBe(1);
});

it.each([
  ['a phone', PHONE],
  ['a small phone', SMALL_PHONE],
])('has all of it on %s, behind one button', async (_, options) => {
  const { server, url } = await steered();
  const page = await visit(url, options);
  const field = page.getByLabel('Message to the session');
  await page.getByRole('button', { name: 'Options of this message' }).tap();
  for (const name of ['@ File', 'Image', 'Templates']) {
    const button = page.getByRole('button', { name, exact: true });
    await button.scrollIntoViewIfNeeded();
    const box = await button.boundingBox();
    expect(box?.height).toBeGreaterThanOrEqual(44);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(options.viewport.width);
  }
  await page.getByRole('button', { name: '@ File' }).tap();
  const option = page.getByRole('option', { name: 'server.ts' });
  await option.waitFor();
  expect((await option.boundingBox())?.height).toBeGreaterThanOrEqual(44);
  await option.tap();
  await expect.poll(() => field.inputValue()).toBe('@server.ts ');
  await page.getByRole('button', { name: 'Send', exact: true }).tap();
  await expect.poll(() => server.said.at(-1)).toMatchObject({ mentions: [{ path: 'server.ts' }] });
});
