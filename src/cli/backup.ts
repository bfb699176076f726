/** `backup` and `restore`: copies of the database, made at any time and put back while no server runs. */
import { Option } from 'clipanion';
import { EXIT } from '../exit.ts';
import { openDataDirectory } from '../files.ts';
import { OrbitCommand } from './command.ts';

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
    this.say(`Backup written to ${await backUpDatabase(this.directory(), this.target)}`);
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
      and ask for everything anew; hooks that wait in the spool are taken at the next start.
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
    this.say(`${paths.database} is now a copy of ${this.file}`);
    if (kept !== null) this.say(`The database that was there is kept in ${kept}`);
    return EXIT.ok;
  }
}
