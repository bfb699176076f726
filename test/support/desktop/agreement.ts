/** Asks newcomers what the server says of every session, and holds what the app shows against it. */
import type { SessionState } from '../../../src/protocol/nouns.ts';
import { wsClient } from '../clients.ts';
import { snapshotOf } from '../compare.ts';
import { shownWrongly } from './shown-wrongly.ts';
import type { AppState } from './state.ts';

/** Three messages each, within the 200 that a connection may send at once. */
const SNAPSHOTS_A_NEWCOMER = 60;

interface Shown {
  readonly app: AppState;
  rest(): Promise<void>;
}

/** @returns one line for everything that is shown wrongly */
export async function disagreements(shown: Shown, url: string): Promise<string[]> {
  const wrong: string[] = [];
  const ids = await listedBy(url);
  for (const id of shown.app.sessions.keys()) {
    if (!ids.includes(id)) wrong.push(`${id}: is in no list any more`);
  }
  const snapshots = await snapshotsOf(url, ids);
  await shown.rest();
  for (const snapshot of snapshots) wrong.push(...(await compare(shown, url, snapshot)));
  return wrong;
}

/** What happened since the snapshot (a branch was read) is no difference: then a newer one is asked for. */
async function compare(shown: Shown, url: string, first: SessionState): Promise<string[]> {
  let snapshot = first;
  for (let attempt = 0; attempt < 5; attempt++) {
    if ((shown.app.revisions.get(first.id) ?? 0) <= snapshot.revision) break;
    await using newcomer = await wsClient(url);
    snapshot = await snapshotOf(newcomer, first.id);
    await shown.rest();
  }
  return shownWrongly(shown.app, snapshot);
}

/** Each new client asks for so many only, that none is asked to slow down. */
async function snapshotsOf(url: string, ids: readonly string[]): Promise<SessionState[]> {
  const snapshots: SessionState[] = [];
  for (let from = 0; from < ids.length; from += SNAPSHOTS_A_NEWCOMER) {
    await using newcomer = await wsClient(url);
    for (const id of ids.slice(from, from + SNAPSHOTS_A_NEWCOMER)) {
      snapshots.push(await snapshotOf(newcomer, id));
    }
  }
  return snapshots;
}

async function listedBy(url: string): Promise<string[]> {
  await using newcomer = await wsClient(url);
  newcomer.send({ type: 'subscribe_list' });
  const received = await newcomer.waitFor((frame) => frame.type === 'sessions_list');
  return received.type === 'sessions_list' ? received.sessions.map(({ id }) => id) : [];
}
