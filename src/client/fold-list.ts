/** From frames to the list of sessions: what carries no revision and names a session is about its row there. */
import type { SessionSummary } from '../protocol/nouns.ts';
import { isoTime, type ServerFrame } from './fold.ts';

/** Sessions by id, in the order they were told: the newest of a list first. */
export type SessionList = ReadonlyMap<string, SessionSummary>;

/**
 * Folds one frame into the list.
 *
 * @param list changed in place: a list may be long, and every session's news pass here
 * @returns whether anything in it is different now
 */
export function foldList(list: Map<string, SessionSummary>, frame: ServerFrame): boolean {
  switch (frame.type) {
    case 'sessions_list':
      list.clear();
      for (const session of frame.sessions) list.set(session.id, session);
      return true;
    case 'session_created':
      list.set(frame.session.id, frame.session);
      return true;
    case 'session_delta':
      return isOfList(frame) && change(list, frame.session_id, frame.changes);
    case 'session_ended':
      return (
        isOfList(frame) && change(list, frame.session_id, { status: 'ended', work_status: 'ended' })
      );
    default:
      return false;
  }
}

/** The list's frames never carry a revision, a session's facts always do. */
function isOfList({ revision }: ServerFrame): boolean {
  return revision === undefined;
}

function change(list: Map<string, SessionSummary>, id: string, changes: object): boolean {
  const known = list.get(id);
  if (!known) return false;
  const { last_activity_at, ...fields } = changes as { last_activity_at?: string };
  const time = last_activity_at !== undefined && { last_activity_at: isoTime(last_activity_at) };
  list.set(id, { ...known, ...fields, ...time });
  return true;
}
