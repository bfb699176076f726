/** The directory that a client names for a session, and what it is told of one that does not do. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { OrbitError } from '../../src/errors.ts';
import { directoryOf } from '../../src/runtime/working-directory.ts';

const home = mkdtempSync(join(tmpdir(), 'dock-home-'));
mkdirSync(join(home, 'shop'));
writeFileSync(join(home, 'file'), '');
afterAll(() => rmSync(home, { recursive: true, force: true }));

it.each([
  ['~', home],
  ['~/', home],
  ['~/shop', join(home, 'shop')],
  [join(home, 'shop'), join(home, 'shop')],
  [`${home}/shop/../shop/`, join(home, 'shop')],
])('%s is a directory', async (given, path) => {
  expect(await directoryOf(given, home)).toBe(path);
});

const refused = async (given: string, sessionId?: string) => {
  const error = await directoryOf(given, home, sessionId).catch((thrown: unknown) => thrown);
  const { code, details, sessionId: about } = error as OrbitError;
  return { code, reason: details?.reason, about };
};

it.each([
  ['shop', /^Directory "shop" is not absolute; give a full path or one below ~$/],
  ['~shop', /is not absolute/],
  ['', /is not absolute/],
  ['~/gone', /^Directory "~\/gone" does not exist; choose another directory$/],
  ['~/file', /^Directory "~\/file" is no directory; choose the one around it$/],
  ['~/file/below', /^Directory .* cannot be read \(ENOTDIR\); choose another directory$/],
])('%j is none, for a reason', async (given, reason) => {
  const { code, ...rest } = await refused(given);
  expect([code, rest.reason]).toEqual(['invalid_argument', expect.stringMatching(reason)]);
});

it('the refusal names the session that it is about, and the beginning of a long path', async () => {
  const { reason, about } = await refused('x'.repeat(501), 's');
  expect(about).toBe('s');
  expect(reason).toContain(`"${'x'.repeat(500)}"`);
  expect((await refused('x')).about).toBeNull();
});
