/** A test server with the desktop app beside it: whatever a test does, the app must have read and shown it right. */
import { startTestServer, type TestServer, type TestServerOptions } from '../server.ts';
import { type Desktop, watchAsDesktop } from './desktop.ts';

export interface WatchedServer extends TestServer {
  readonly desktop: Desktop;
}

/** Starts a server and the app. Disposing of it fails when the app received anything it cannot read or shows wrongly. */
export async function startWatchedServer(options: TestServerOptions = {}): Promise<WatchedServer> {
  const server = await startTestServer(options);
  const desktop = await watchAsDesktop(server.url);
  return {
    ...server,
    desktop,
    async [Symbol.asyncDispose]() {
      try {
        const wrong = await desktop.disagreements();
        if (wrong.length > 0) throw new Error(`The desktop app:\n${wrong.slice(0, 20).join('\n')}`);
      } finally {
        await desktop.close();
        await server[Symbol.asyncDispose]();
      }
    },
  };
}
