/**
 * `init`, `generate-token`, `backup` and `restore`: the commands that write the data directory.
 */
import { Option } from 'clipanion';
import { type DataPaths, DEFAULT_BIND } from '../config.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { openDataDirectory, writeFileAtomically } from '../files.ts';
import { createToken } from '../secrets.ts';
import { OrbitCommand } from './command.ts';
import {
  chooseServerUrl,
  hasHookScript,
  LOCAL_URL,
  shellQuote,
  writeHookFiles,
  writeHookHeaders,
} from './hook-files.ts';

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
      if (kept !== null) this.printLine('', `  The database that was there is kept in ${kept}`);
    }
    this.printLine('', `  Created ${paths.dir}/`, `  ${await prepared(paths)}`);
    writeHookFiles(paths, serverUrl);
    this.printLine(
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

/** What options `start` needs to listen where hooks are sent; nothing where that is the default or afar. */
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

/** Creates a random token and saves it, 0600, as `auth-token` in the data directory. */
export class GenerateTokenCommand extends OrbitCommand {
  static override paths = [['generate-token']];
  static override usage = OrbitCommand.Usage({
    description: 'Create a random auth token',
    details: `
      Replaces an earlier token; a running server goes on asking for the earlier one until it is
      restarted. The token is shown this once, for your clients; the server reads it from its file.
    `,
    examples: [['Create a token', '$0 generate-token']],
  });

  protected async run(): Promise<number> {
    const paths = this.directory();
    openDataDirectory(paths);
    const token = createToken();
    writeFileAtomically(paths.token, `${token}\n`, { mode: 0o600 });
    if (hasHookScript(paths)) writeHookHeaders(paths);
    this.printLine(
      '',
      `  Auth token generated and saved to ${paths.token}`,
      '',
      `  Token: ${token}`,
      '',
      '  Usage (the saved token is used by itself; restart a running server):',
      '    orbitdock-server start --bind 0.0.0.0:4000',
      '  Or:',
      `    orbitdock-server start --auth-token-file ${shellQuote(paths.token)}`,
      '',
    );
    return EXIT.ok;
  }
}

/** Copies the database. */
export class BackupCommand extends OrbitCommand {
  static override paths = [['backup']];
  static override usage = OrbitCommand.Usage({
    description: 'Copy the database, also while the server runs',
    details: `
      The copy is checked before it gets its name. Without a path it is put into \`backups\` of the data
      directory. Images of messages are files of their own (\`images/\`) and are not in it.
    `,
    examples: [
      ['Into ~/.orbitdock/backups', '$0 backup'],
      ['To another disk', '$0 backup /mnt/backup/orbitdock.db'],
    ],
  });

  target = Option.String({ required: false, name: 'path' });

  protected async run(): Promise<number> {
    process.umask(0o077);
    const { backUpDatabase } = await import('../store/backup.ts');
    this.printLine(`Backup written to ${await backUpDatabase(this.directory(), this.target)}`);
    return EXIT.ok;
  }
}

/** Puts a copy of the database back. */
export class RestoreCommand extends OrbitCommand {
  static override paths = [['restore']];
  static override usage = OrbitCommand.Usage({
    description: 'Put a backup in the place of the database; the server must not run',
    details: `
      The database that is there is moved aside, not deleted. Clients notice that the history is another one
      and ask for everything anew; hooks that wait in the spool are taken at the next start. Named tokens stay
      as they are now, so that no revoked token works again.
    `,
    examples: [
      ['Put a backup back', '$0 restore ~/.orbitdock/backups/orbitdock-2026-03-01T120000Z.db'],
    ],
  });

  file = Option.String({ name: 'file' });

  protected async run(): Promise<number> {
    const paths = this.directory();
    process.umask(0o077);
    openDataDirectory(paths);
    const { restoreDatabase } = await import('../store/backup.ts');
    const kept = restoreDatabase(paths, this.file);
    this.printLine(`${paths.database} is now a copy of ${this.file}`);
    if (kept !== null) this.printLine(`The database that was there is kept in ${kept}`);
    return EXIT.ok;
  }
}
