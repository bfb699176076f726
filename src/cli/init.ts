/**
 * `init`: everything `start` and `install-hooks` need on disk. May be run again at any time, also while
 * a server runs; then the database is the server's business and is left alone.
 */
import { Option } from 'clipanion';
import { type DataPaths, DEFAULT_BIND } from '../config.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { openDataDirectory } from '../files.ts';
import { OrbitCommand } from './command.ts';
import { chooseServerUrl, LOCAL_URL, writeHookFiles } from './hook-files.ts';

/** Creates the data directory, the database and the hook script. */
export class InitCommand extends OrbitCommand {
  static override paths = [['init']];
  static override usage = OrbitCommand.Usage({
    description: 'Create data directory, run migrations, install hook script',
    details: `
      Safe to run again: it repairs what is missing and keeps what is there. Run it after changing the
      server's address, so that hooks are sent to the right place.
    `,
    examples: [
      ['Set up ~/.orbitdock', '$0 init'],
      ['Send hooks to a server on another port', '$0 init --server-url http://127.0.0.1:4001'],
    ],
  });

  serverUrl = Option.String('--server-url', {
    description: 'Where hooks are sent; default http://127.0.0.1:4000, or as chosen before',
  });

  freshDb = Option.Boolean('--fresh-db', {
    description: 'Begin with a new database; the one that is there is kept aside',
  });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const serverUrl = chooseServerUrl(this.serverUrl, paths, this.context.env);
    process.umask(0o077);
    openDataDirectory(paths);
    if (this.freshDb) {
      const { setAside } = await import('../store/backup.ts');
      const kept = setAside(paths);
      if (kept !== null) this.say('', `  The database that was there is kept in ${kept}`);
    }
    this.say('', `  Created ${paths.dir}/`, `  ${await prepared(paths)}`);
    writeHookFiles(paths, serverUrl);
    this.say(
      `  Hook script installed to ${paths.hookScript}`,
      '',
      '  Next steps:',
      `    1. Install Claude Code hooks:  ${this.commandLine('install-hooks')}`,
      `    2. Start the server:           ${this.commandLine('start', ...bindOf(serverUrl))}`,
      '',
    );
    return EXIT.ok;
  }
}

/** What `start` has to be told to listen where hooks are sent; nothing where that is the default or afar. */
function bindOf(serverUrl: string): string[] {
  const host = LOCAL_URL.exec(serverUrl)?.[1];
  return host === undefined || host === DEFAULT_BIND ? [] : ['--bind', host];
}

async function prepared(paths: DataPaths): Promise<string> {
  const { prepareDatabase } = await import('../store/database.ts');
  try {
    return `Database initialized at ${prepareDatabase(paths).path}`;
  } catch (error) {
    if (exitCodeOf(error) !== EXIT.busy) throw error;
    return `Database left to the running server at ${paths.database}`;
  }
}
