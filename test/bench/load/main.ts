/** The load process: does what it is asked, one thing at a time. Started by processes.ts. */
import type { Answers, Command, Reply } from './commands.ts';
import { readLists } from './lists.ts';
import { produce } from './producers.ts';
import { createSinks, type Sinks } from './sinks.ts';
import { readSnapshots } from './snapshots.ts';
import { openWatcher, type Watcher } from './watcher.ts';

/** Watchers by port, because a floor and a server are loaded in turns. */
const watchers = new Map<number, Watcher>();
let sinks: Sinks | null = null;

process.on('message', (command: Command) => {
  obey(command)
    .then((answer): Reply => ({ answer }))
    .catch((error: Error): Reply => ({ error: error.stack ?? error.message }))
    .then((reply) => process.send?.(reply))
    .catch(() => process.exit(1));
});

async function obey(command: Command): Promise<Answers[Command['kind']]> {
  switch (command.kind) {
    case 'hooks':
      return await produce(command, watchers.get(command.port) ?? null);
    case 'watch':
      watchers.get(command.port)?.close();
      watchers.set(command.port, await openWatcher(command));
      return null;
    case 'subscribe':
      sinks = await createSinks(command);
      return null;
    case 'delivered':
      return (await sinks?.settled()) ?? { frames: 0, reads: 0, bytes: 0 };
    case 'snapshots':
      return await readSnapshots(command);
    case 'lists':
      return await readLists(command);
    case 'leave':
      await sinks?.close();
      sinks = null;
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
      return null;
  }
}
