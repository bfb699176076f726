/** Finding a browser for the page's tests: one is used, or brought, or the remedy is said. Never a skip. */
import { describe, expect, it } from 'vitest';
import { findChromium, type System } from './support/chromium.ts';

const NOTHING: System = { named: undefined, exists: () => false, install: null };

describe('the browser of the tests', () => {
  it('is the one that is named, and a wrong name is said', async () => {
    const named = '/opt/chrome';
    expect(await findChromium({ ...NOTHING, named, exists: (path) => path === named })).toBe(named);
    await expect(findChromium({ ...NOTHING, named })).rejects.toThrow(
      'CHROMIUM names /opt/chrome, which does not exist',
    );
  });

  it('is the one that the system has', async () => {
    const exists = (path: string) => path === '/usr/bin/google-chrome';
    expect(await findChromium({ ...NOTHING, exists })).toBe('/usr/bin/google-chrome');
  });

  it('is installed where that may be done', async () => {
    let isThere = false;
    const install = async () => {
      isThere = true;
    };
    expect(await findChromium({ ...NOTHING, exists: () => isThere, install })).toBe(
      '/usr/bin/chromium',
    );
  });

  it.each([
    ['nobody may install it', null],
    ['installing fails', () => Promise.reject(new Error('no network'))],
    ['installing brings none', () => Promise.resolve()],
  ])('is asked for in words when %s', async (_, install) => {
    await expect(findChromium({ ...NOTHING, install })).rejects.toThrow(
      /apt-get install chromium.*CHROMIUM=/,
    );
  });
});
