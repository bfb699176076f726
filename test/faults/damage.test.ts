/** Any page of the database may be damaged: it is found, named, and nothing is acknowledged that is not stored. */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { received } from '../support/asking.ts';
import { wsClient } from '../support/clients.ts';
import { deliver, postHook, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';
import { startTestServer } from '../support/server.ts';

const PAGE = 4096;
/** Every so many pages one is damaged; from another first page in each run. */
const EVERY = 6;
const IDS = Array.from({ length: 12 }, (_, at) => `kept-${at}`);

it('a start with any one page damaged is refused with the remedy, or serves what is sound and takes nothing', async () => {
  await using server = await startTestServer();
  for (const id of IDS) {
    await deliver(server.url, scriptOf(id).prompt('words '.repeat(900)));
    await deliver(server.url, scriptOf(id).toolStarts('t'));
  }
  await server.stop();
  const { dir, database, epoch } = server.paths;
  const [sound, mark] = [readFileSync(database), readFileSync(epoch)];
  const first = 1 + Math.floor(Math.random() * EVERY);
  for (let page = first; page < statSync(database).size / PAGE; page += EVERY) {
    const said = `page ${page}`;
    for (const name of readdirSync(dir)) {
      const isLeft = /^(orbitdock\.db-|corrupt-|damaged\.json)/.test(name);
      if (isLeft) rmSync(join(dir, name), { recursive: true });
    }
    writeFileSync(database, sound);
    writeFileSync(epoch, mark);
    const file = openSync(database, 'r+');
    writeSync(file, 'scribble'.repeat(PAGE / 8), page * PAGE);
    closeSync(file);
    const refused = await server.start().then(
      () => null,
      (error: { exitCode?: number; message: string }) => error,
    );
    if (refused !== null) {
      expect(refused, said).toMatchObject({
        exitCode: 78,
        message: expect.stringContaining('restore'),
      });
      continue;
    }
    const health = async () => (await (await fetch(`${server.url}/health`)).json()) as object;
    await expect
      .poll(health, { message: said, timeout: 15_000 })
      .toMatchObject({ degraded: 'corrupt' });
    await using client = await wsClient(server.url);
    client.send({ type: 'subscribe_list' });
    for (const session_id of IDS) client.send({ type: 'subscribe_session', session_id });
    await barrier(client);
    const codes = received(client, 'error').map(({ code }) => code);
    const odd = codes.filter((code) => code !== 'database_damaged' && code !== 'parse_error');
    expect(odd, said).toEqual([]);
    const { status } = await postHook(server.url, scriptOf('kept-3').prompt('more'));
    expect(status, said).toBe(503);
    await client.close();
    await server.stop();
  }
}, 120_000);
