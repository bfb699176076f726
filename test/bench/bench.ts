/** What every group gets. */
export interface Bench {
  /** An empty directory of its own, removed afterwards. */
  readonly directory: string;
  readonly isQuick: boolean;
  /** What to multiply amounts of work with: less where a run shall be quick. */
  readonly share: number;
  readonly rounds: number;
  /** Node's own flags for the server, such as those that profile it. */
  readonly serverFlags: readonly string[];
}
