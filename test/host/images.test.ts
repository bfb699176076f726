/** Which images get in, and that each is stored once, whole, and for its owner alone. */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createImages } from '../../src/host/images.ts';
import { PNG } from '../support/pictures.ts';

function stage() {
  const top = mkdtempSync(join(tmpdir(), 'orbit-images-'));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const directory = join(top, 'images');
  const cwd = join(top, 'shop');
  for (const each of [directory, cwd]) mkdirSync(each, { mode: 0o700 });
  return { top, directory, cwd, images: createImages({ directory }) };
}

const dataUri = (bytes: Buffer, type = 'image/png') => ({
  input_type: 'url',
  value: `data:${type};base64,${bytes.toString('base64')}`,
});
const file = (value: string) => ({ input_type: 'path', value });
const refusal = (reason: string) =>
  expect.objectContaining({ code: 'invalid_image', message: expect.stringContaining(reason) });

it('stores an image once under its digest, whoever brings it and however', async () => {
  const { directory, cwd, images } = stage();
  writeFileSync(join(cwd, 'shot.png'), PNG);
  const digest = createHash('sha256').update(PNG).digest('hex');
  const entry = {
    input_type: 'path',
    value: join(directory, `${digest}.png`),
    url: `/images/${digest}`,
    media_type: 'image/png',
  };
  const [first, second] = await Promise.all([
    images.take([dataUri(PNG), dataUri(PNG)], null),
    images.take([file(join(cwd, 'shot.png'))], cwd),
  ]);
  expect([...first, ...second]).toEqual([entry, entry, entry]);
  expect(readdirSync(directory)).toEqual([`${digest}.png`]);
  expect(statSync(entry.value).mode & 0o777).toBe(0o600);
  expect(readFileSync(entry.value).equals(PNG)).toBe(true);
  expect(await images.take([file(entry.value)], null)).toEqual([entry]);
  expect(await images.find(digest)).toEqual({ media_type: 'image/png', bytes: PNG });
});

it('goes by the first bytes and not by what an image is called', async () => {
  const { images } = stage();
  const kinds: Array<[string, Buffer]> = [
    ['image/jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1])],
    ['image/gif', Buffer.from('GIF89a123')],
    ['image/webp', Buffer.from('RIFF\u0001\u0002\u0003\u0004WEBPVP8 ')],
  ];
  for (const [media_type, bytes] of kinds) {
    expect(await images.take([dataUri(bytes, 'text/html')], null)).toMatchObject([{ media_type }]);
  }
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>');
  for (const bytes of [svg, Buffer.from('<html>'), Buffer.alloc(0), Buffer.from('RIFFxxxxWAVE')]) {
    await expect(images.take([dataUri(bytes)], null)).rejects.toEqual(refusal('no PNG'));
  }
});

it('takes no file from outside the session and the store, whatever leads there', async () => {
  const { top, cwd, images } = stage();
  writeFileSync(join(top, 'secret.png'), PNG);
  writeFileSync(join(cwd, 'key'), 'BEGIN KEY');
  symlinkSync(join(top, 'secret.png'), join(cwd, 'link.png'));
  const outside = [
    join(top, 'secret.png'),
    join(cwd, 'link.png'),
    join(cwd, '../secret.png'),
    '/etc/passwd',
  ];
  for (const path of outside) {
    await expect(images.take([file(path)], cwd), path).rejects.toEqual(refusal('outside'));
  }
  await expect(images.take([file('shot.png')], cwd)).rejects.toEqual(refusal('absolute'));
  await expect(images.take([file(join(cwd, 'none.png'))], cwd)).rejects.toEqual(refusal('exist'));
  await expect(images.take([file(cwd)], top)).rejects.toEqual(refusal('no regular file'));
  await expect(images.take([file(join(cwd, 'key'))], cwd)).rejects.toEqual(refusal('no PNG'));
});

it('takes nothing that is too large, too many or no image at all', async () => {
  const { cwd, images } = stage();
  const huge = Buffer.concat([PNG, Buffer.alloc(10 * 1024 * 1024)]);
  writeFileSync(join(cwd, 'huge.png'), huge);
  await expect(images.take([dataUri(huge)], null)).rejects.toEqual(refusal('bytes'));
  await expect(images.take([file(join(cwd, 'huge.png'))], cwd)).rejects.toEqual(refusal('bytes'));
  const many = Array.from({ length: 21 }, () => dataUri(PNG));
  await expect(images.take(many, null)).rejects.toEqual(refusal('at most 20'));
  for (const value of ['data:image/png,abc', 'javascript:1', 'file:///etc/passwd', '', 'x']) {
    const input = { input_type: 'url', value };
    await expect(images.take([input], null), value).rejects.toEqual(refusal('neither'));
  }
  const web = { input_type: 'url', value: 'https://example.org/a.png' };
  expect(await images.take([web], null)).toEqual([web]);
});

it('finds nothing by what is no digest, and completes what a crash left unfinished', async () => {
  const { directory, images } = stage();
  for (const name of ['', '../orbitdock.db', 'a'.repeat(63), 'A'.repeat(64), 'a'.repeat(64)]) {
    expect(await images.find(name), name).toBeNull();
  }
  const digest = createHash('sha256').update(PNG).digest('hex');
  writeFileSync(join(directory, `${digest}.png.part`), 'half');
  await images.take([dataUri(PNG)], null);
  expect(readdirSync(directory)).toEqual([`${digest}.png`]);
  expect((await images.find(digest))?.bytes.equals(PNG)).toBe(true);
});
