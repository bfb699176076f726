/**
 * `replay`: folds an incident bundle through this version's chart, effects stubbed, and names the first
 * event at which they part. Needs no server and no data directory.
 */
import { readFileSync, statSync } from 'node:fs';
import { Option } from 'clipanion';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { OrbitCommand } from './command.ts';

/** A bundle of a full journal is a few megabytes. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Folds an exported incident and prints the first difference, if any. */
export class ReplayCommand extends OrbitCommand {
  static override paths = [['replay']];
  static override usage = OrbitCommand.Usage({
    description: 'Fold an exported incident through the chart and print the first difference',
    details: `
      FILE is what "Export incident" of the page gives: one JSON object per line. Nothing is
      contacted and nothing is written. Ends with 0 when the chart does what the journal says, with
      1 when it does not, with 65 when the file is no bundle.
    `,
    examples: [['Replay an incident', '$0 replay orbitdock-4f2a.jsonl']],
  });

  file = Option.String({ name: 'FILE' });

  protected async run(): Promise<number> {
    const text = this.#read();
    const { replay } = await import('../inspection/bundle.ts');
    let result: ReturnType<typeof replay>;
    try {
      result = replay(text);
    } catch (error) {
      throw new ExitError(EXIT.badInput, `${this.file}: ${(error as Error).message}`);
    }
    const { header, events, folded, difference, remarks } = result;
    const { machine, session, server } = header;
    this.printLine(
      `Session ${session}, recorded by OrbitDock Server ${server}`,
      `  Chart: ${machine.id} ${machine.hash} (version ${machine.version})`,
      `  Events: ${events}, folded: ${folded}`,
      ...remarks.map((remark) => `  Note: ${remark}`),
    );
    if (!difference) {
      this.printLine('No difference: the chart does what the journal says');
      return EXIT.ok;
    }
    const { seq, event, journal, machine: now } = difference;
    this.printLine(
      `First difference at event ${seq}, ${event}`,
      `  Journal: ${journal}`,
      `  Chart:   ${now}`,
    );
    return EXIT.failure;
  }

  #read(): string {
    try {
      if (statSync(this.file).size > MAX_BYTES) {
        throw new ExitError(EXIT.badInput, `${this.file} is larger than any bundle`);
      }
      return readFileSync(this.file, 'utf8');
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === null) throw error;
      throw new ExitError(EXIT.usage, `Cannot read ${this.file} (${code})`, { cause: error });
    }
  }
}
