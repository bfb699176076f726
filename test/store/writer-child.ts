/**
 * A process that stores as fast as it can and says on stdout what was acknowledged, until it is killed.
 * Started by writer-crash.test.ts with the data directory and a number that makes its keys its own.
 */
import { writeSync } from 'node:fs';
import { dataPaths } from '../../src/config.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { openWriter } from '../../src/store/writer.ts';
import { appended, event, sessionCreated } from './support.ts';

const [dir = '', round = ''] = process.argv.slice(2);
const writer = await openWriter({ paths: dataPaths(dir), durability: 'full', log: SILENT_LOGGER });
const sessions = ['a', 'b', 'c'];
let made = 0;

function more(): void {
  made += 1;
  const id = sessions[made % sessions.length] ?? 'a';
  const key = `${round}-${made}`;
  const item = event(id, [sessionCreated(id), appended(id, key)], { key });
  writer.submit(item, (result) => {
    writeSync(1, `${JSON.stringify({ key, id, ...result })}\n`);
    more();
  });
}

for (let at = 0; at < 20; at += 1) more();
