/** The directories sessions ran in. Called by the reads that ride the writer's queue. */
import type { RecentProject } from '../../protocol/work-nouns.ts';
import type { Sqlite } from '../database.ts';
import { type Fit, newestThatFit } from './fit.ts';

/** More than a picker shows. */
const MAX_PROJECTS = 500;

interface ProjectRow {
  path: string;
  session_count: number;
  last_active: string | null;
}

/** Reads projects on one connection: the one worked in last comes first. */
export function createProjectsRead(database: Sqlite): () => Fit<RecentProject> {
  const projects = database.prepare<[], ProjectRow>(
    `SELECT project_path AS path, count(*) AS session_count, max(last_activity_at) AS last_active
     FROM sessions WHERE project_path LIKE '/%' AND project_path <> '/unknown'
     GROUP BY project_path ORDER BY last_active DESC, path LIMIT ${MAX_PROJECTS}`,
  );
  return () =>
    newestThatFit(projects.iterate(), ({ path, session_count, last_active }) => ({
      path,
      session_count,
      ...(last_active !== null && { last_active }),
    }));
}
