/**
 * A process that owns an engine with two commands under way, says so on stdout, and waits to be killed.
 * Started by orphans.test.ts.
 */
import { writeSync } from 'node:fs';
import { SILENT_LOGGER } from '../../../src/log.ts';
import { createEngine } from '../../../src/providers/codex/engine/app-server.ts';
import { startThread } from '../../support/codex-thread.ts';

const [project = '', marker = ''] = process.argv.slice(2);
const engine = createEngine({ log: SILENT_LOGGER, version: '0.0.0-test' });
const inside = await startThread(engine, { cwd: project });
const outside = await startThread(engine, { cwd: project });
await inside.say(`!exec echo up; sleep ${marker}1`);
await outside.say(`!esc echo up; sleep ${marker}2`);
const { id } = await outside.questions.waitFor(() => true);
engine.respond(id, { decision: 'accept' });
writeSync(1, 'both began\n');
