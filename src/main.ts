/**
 * The program: hands its words to the command line and ends with the code it gives. Nothing else
 * happens here, and no other file does anything when it is imported.
 */
import { runCli } from './cli/index.ts';

// A reader that went away (`| head`, a closed terminal) is no reason for a server to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

// Ending is explicit: after an orderly stop no forgotten timer may keep the process.
void runCli(process.argv.slice(2)).then((code) => process.exit(code));
