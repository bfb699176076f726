/**
 * `generate-token`: makes the one secret and puts it where `start` and the hooks find it by themselves,
 * so that it need not be written on any command line.
 */
import { EXIT } from '../exit.ts';
import { openDataDirectory, writeFileAtomically } from '../files.ts';
import { createToken } from '../token.ts';
import { OrbitCommand } from './command.ts';
import { hasHookScript, writeHookHeaders } from './hook-files.ts';
import { shellQuote } from './hook-settings.ts';

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
    this.say(
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
