/**
 * A dashboard: who works, who waits. Run it with `npx tsx src/client/examples/dashboard.ts http://127.0.0.1:4000`;
 * outside of this repository the import is `orbitdock-server/client`.
 */
import { createClient, titleOf } from '../index.ts';

const client = createClient({
  url: process.argv[2] ?? 'http://127.0.0.1:4000',
  token: process.env.ORBITDOCK_AUTH_TOKEN ?? null,
});
client.on('link', ({ kind }) => console.error(kind));
client.on('list', (sessions) => {
  console.clear();
  for (const session of sessions.values()) {
    if (session.status === 'ended') continue;
    const { work_status, project_name, project_path } = session;
    console.log(work_status.padEnd(10), project_name ?? project_path, titleOf(session));
  }
});
client.watchList();
