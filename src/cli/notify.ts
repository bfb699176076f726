/**
 * `notify`: webhooks and ntfy topics that are notified when a session needs a person. Devices subscribe on the page. Writes
 * the database, also beside a running server, which notices within half a second.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { Option } from 'clipanion';
import { EXIT, ExitError } from '../exit.ts';
import type { Sqlite } from '../store/database.ts';
import type { Channel, ChannelConfig } from '../store/notifications.ts';
import { changeDatabase, OrbitCommand } from './command.ts';

const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@()-]{0,63}$/u;
const SECRET_BYTES = 32;

/** Adds a recipient of notifications. */
export class NotifyAddCommand extends OrbitCommand {
  static override paths = [['notify', 'add']];
  static override usage = OrbitCommand.Usage({
    category: 'Notifications',
    description: 'Notify a webhook or an ntfy topic when a session needs a person',
    details: `
      Once for each open request and each turn that fails, once more when a request has waited for 15 minutes, and
      when it is settled. A webhook is signed as the Standard Webhooks say: its secret is printed this once. For an
      ntfy server that asks for an access token, give it in ORBITDOCK_NTFY_TOKEN.
    `,
    examples: [
      ['A webhook', '$0 notify add webhook https://example.com/hooks/orbitdock'],
      ['A topic of ntfy', '$0 notify add ntfy https://ntfy.sh/my-secret-topic --name phone'],
    ],
  });

  kind = Option.String({ name: 'webhook|ntfy' });
  url = Option.String({ name: 'URL' });
  name = Option.String('--name', { description: 'What it is called; its kind unless given' });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'Print the secret and nothing else' });

  protected async run(): Promise<number> {
    const config = configFrom(this.kind, this.url, this.context.env.ORBITDOCK_NTFY_TOKEN);
    const name = this.name ?? this.kind;
    if (!NAME.test(name)) {
      const reason = 'A name is of letters, digits, spaces and ._@()-, 64 at most';
      throw new ExitError(EXIT.usage, `${reason}, not ${JSON.stringify(name)}`);
    }
    const created_at = new Date().toISOString();
    const channel: Channel = { id: randomUUID(), name, config, token_id: null, created_at };
    await change(this, (store, database) => store.putChannel(database, channel));
    if (config.kind === 'webhook') this.#showSecret(name, config.secret);
    else if (!this.quiet)
      this.printLine(`Added ${name}. Try it: orbitdock-server notify test ${name}`);
    return EXIT.ok;
  }

  #showSecret(name: string, secret: string): void {
    if (this.quiet) {
      this.printLine(secret);
      return;
    }
    this.printLine(
      `Added ${name}. Try it: orbitdock-server notify test ${name}`,
      '',
      `  Secret of its signatures: ${secret}`,
      '  It is shown this once; a receiver checks `webhook-signature` with it.',
    );
  }
}

/** Lists who is notified. */
export class NotifyListCommand extends OrbitCommand {
  static override paths = [['notify', 'list'], ['notify']];
  static override usage = OrbitCommand.Usage({
    category: 'Notifications',
    description: 'List who is notified: webhooks, ntfy topics and devices',
  });

  json = Option.Boolean('--json', false, { description: 'One JSON object instead of words' });

  protected async run(): Promise<number> {
    const channels = await change(this, (store, database) => store.listChannels(database));
    const shown = channels.map(({ id, name, config, created_at }) => {
      return { id, name, kind: config.kind, to: hostOf(config), created_at };
    });
    if (this.json) this.printLine(JSON.stringify({ channels: shown }, null, 2));
    else if (shown.length === 0) this.printLine('No recipient is configured.');
    else for (const { name, kind, to } of shown) this.printLine(`${name}  ${kind}  ${to}`);
    return EXIT.ok;
  }
}

/** Removes a recipient. */
export class NotifyRemoveCommand extends OrbitCommand {
  static override paths = [['notify', 'remove']];
  static override usage = OrbitCommand.Usage({
    category: 'Notifications',
    description: 'Stop notifying a webhook, an ntfy topic or a device',
    examples: [['By its name', '$0 notify remove phone']],
  });

  name = Option.String({ name: 'name' });

  protected async run(): Promise<number> {
    const gone = await change(this, (store, database) => store.removeChannel(database, this.name));
    if (gone === 0) throw unknown(this.name);
    this.printLine(`Removed ${this.name}.`);
    return EXIT.ok;
  }
}

/** Sends a message, so that a person sees whether it arrives. */
export class NotifyTestCommand extends OrbitCommand {
  static override paths = [['notify', 'test']];
  static override usage = OrbitCommand.Usage({
    category: 'Notifications',
    description: 'Send a test message and say whether it was taken',
    examples: [['By its name', '$0 notify test phone']],
  });

  name = Option.String({ name: 'name' });

  protected async run(): Promise<number> {
    const channels = await change(this, (store, database) => store.listChannels(database));
    const channel = channels.find(({ id, name }) => name === this.name || id === this.name);
    if (!channel) throw unknown(this.name);
    const { tryOut, vapidKeys } = await import('../notify/senders.ts');
    const { vapid } = this.directory();
    // The owner of the data directory asks: he may name private addresses.
    const push = { vapid: () => vapidKeys(vapid), isPrivateAllowed: true };
    const reason = await tryOut(channel.config, push);
    if (reason !== null) {
      throw new ExitError(EXIT.failure, `${this.name} was not reached: ${reason}`);
    }
    this.printLine(`${this.name} took the message.`);
    return EXIT.ok;
  }
}

function unknown(name: string): ExitError {
  const remedy = '`orbitdock-server notify list` shows them';
  return new ExitError(EXIT.usage, `There is no channel ${JSON.stringify(name)}; ${remedy}`);
}

function configFrom(kind: string, address: string, token: string | undefined): ChannelConfig {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '') {
    const reason = 'An address is an http or https URL without a name or password in it';
    throw new ExitError(EXIT.usage, `${reason}, not ${JSON.stringify(address)}`);
  }
  if (kind === 'webhook') {
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    return { kind, url: url.href, secret };
  }
  if (kind !== 'ntfy') {
    throw new ExitError(EXIT.usage, `A channel is webhook or ntfy, not ${JSON.stringify(kind)}`);
  }
  const [, folder = '/', topic] = /^(.*\/)([\w-]{1,64})$/.exec(url.pathname) ?? [];
  if (topic !== undefined) {
    return { kind, server: new URL(folder, url).href, topic, token: token || null };
  }
  throw new ExitError(EXIT.usage, 'Give the address of a topic, such as https://ntfy.sh/my-topic');
}

/** The host alone: the rest of an address may be what lets one write there. */
function hostOf(config: ChannelConfig): string {
  if (config.kind === 'webhook') return new URL(config.url).host;
  return new URL(config.kind === 'ntfy' ? config.server : config.endpoint).host;
}

async function change<T>(
  command: OrbitCommand,
  work: (store: typeof import('../store/notifications.ts'), database: Sqlite) => T,
): Promise<T> {
  const store = await import('../store/notifications.ts');
  return await changeDatabase(command, (database) => work(store, database));
}
