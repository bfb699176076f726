/**
 * `stop`, `restart` and `logs`: what one does with a server that runs. Which process it is says
 * `server.json`; that it really is the server of this data directory is proved by the lock it holds.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataPaths } from '../config.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { readServerNote } from '../files.ts';
import { OrbitCommand } from './command.ts';
import { isServiceActive, serviceManager } from './service.ts';
import { StartCommand } from './start.ts';
import { isHeld } from './status.ts';

/** A server closes within 10 s; this leaves it time to be scheduled. */
const STOP_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** Stops the server of the data directory. */
export class StopCommand extends OrbitCommand {
  static override paths = [['stop']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the running server',
    details: `
      Sends SIGTERM and waits until the server has committed what it took and let go of the data
      directory. Exits with 0 also when none was running.
    `,
    examples: [['Stop the server of ~/.orbitdock', '$0 stop']],
  });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const manager = serviceManager(this.context.env, this.home());
    if (manager !== null && isServiceActive(manager, paths.dir)) {
      // It would start again what ends by itself.
      manager.stop();
      this.say('  Service stopped');
      return EXIT.ok;
    }
    const pid = await stopServer(paths);
    this.say(pid === null ? '  Server is not running.' : `  Server stopped (pid ${pid})`);
    return EXIT.ok;
  }
}

/** Stops the server and starts it again: the service where it is one, else in this terminal. */
export class RestartCommand extends StartCommand {
  static override paths = [['restart']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the running server and start it again',
    details: `
      A server that runs as a service is restarted by its service manager, with the options of the
      service. Any other is stopped, and started in this terminal with the options given here: those
      of \`start\`.
    `,
    examples: [['Restart', '$0 restart']],
  });

  protected override async run(): Promise<number> {
    const manager = serviceManager(this.context.env, this.home());
    if (manager !== null && isServiceActive(manager, this.directory().dir)) {
      manager.restart();
      this.say('  Service restarted');
      return EXIT.ok;
    }
    const pid = await stopServer(this.directory());
    if (pid !== null) this.say(`  Server stopped (pid ${pid})`);
    return await super.run();
  }
}

/**
 * Stops the server that runs on a data directory and waits until the directory is free.
 *
 * @returns its process id; null when none was running
 * @throws ExitError 1 when it cannot be told which process it is, when it is another user's, or when it has
 *   not stopped within 15 s
 */
async function stopServer(paths: DataPaths): Promise<number | null> {
  if (!(await isHeld(paths.lock))) return null;
  const pid = readServerNote(paths.server)?.pid;
  if (pid === undefined || !mayHold(pid, paths.lock)) {
    const reason = `${paths.dir} is in use, but ${paths.server} does not say by which process`;
    throw new ExitError(EXIT.failure, `${reason}; it may be starting: try again in a moment`);
  }
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (systemCodeOf(error) === 'EPERM') {
      throw new ExitError(
        EXIT.failure,
        `Process ${pid} belongs to another user; stop it as that user`,
      );
    }
    if (systemCodeOf(error) !== 'ESRCH') throw error;
  }
  for (let waited = 0; await isHeld(paths.lock); waited += LOOK_EVERY_MS) {
    if (waited >= STOP_WITHIN_MS) {
      throw new ExitError(
        EXIT.failure,
        `Process ${pid} has not stopped within ${STOP_WITHIN_MS / 1000} s. \`kill -9 ${pid}\` ends it; what it has acknowledged is stored`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
  return pid;
}

/** Whether a process has the lock file open, as Linux tells; elsewhere it is taken to. */
function mayHold(pid: number, lock: string): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => linkOf(`${directory}/${fd}`) === lock);
  } catch (error) {
    // Not ours to look at (the signal will say so), or a system without /proc.
    return systemCodeOf(error) === 'EACCES' || process.platform !== 'linux';
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    // A descriptor that has been closed since the listing.
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
