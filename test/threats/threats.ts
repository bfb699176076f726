/** What the server defends against, and the tests that hold each: file below `test/`, and the test's own words, up to the first that changes. */

/** Threats by their number: what it is, and the tests against it. */
type Threats = Readonly<Record<string, readonly [what: string, ...tests: readonly Held[]]>>;
/** A test: its file, its words. */
export type Held = readonly [file: string, words: string];

const GATE = 'transports/gate.test.ts';
const HTTP = 'transports/http.test.ts';
const TOKENS = 'flows/tokens.test.ts';
const PEER = 'transports/peer.test.ts';
const HOSTILE = 'visualizer/browser/hostile.test.ts';
const SOCKETIO = 'transports/socketio.test.ts';
const HOOK = 'cli/hook.test.ts';

/** Threats of the model: T1 to T37. */
export const THREATS: Threats = {
  T1: [
    'a web page opens a socket of this server',
    [GATE, 'lets in our own origins and no other, at every endpoint alike'],
    ['transports/page.test.ts', 'a foreign page reaches neither'],
  ],
  T2: [
    'a web page posts a form, or a text that needs no question before',
    [HTTP, 'refuses what it cannot read, each in its own way'],
    [GATE, 'lets in our own origins and no other, at every endpoint alike'],
    [GATE, 'answers preflights of allowed origins only'],
  ],
  T3: [
    'a name of somebody else leads to this machine',
    [GATE, 'answers to our own names and no other, at every endpoint alike'],
    [GATE, 'wants exactly one Host header'],
    [GATE, 'holds absolute-form targets to the same rule'],
  ],
  T4: [
    'another spelling of this machine',
    [GATE, 'answers to our own names and no other, at every endpoint alike'],
  ],
  T5: [
    'a web page learns that the server is here, and which version',
    [GATE, 'lets in our own origins and no other, at every endpoint alike'],
    [
      GATE,
      'asks for the token in token mode but for hooks of the same user, and shows the version to nobody else',
    ],
    [HTTP, 'carries the security headers, and the log neither queries nor headers'],
  ],
  T6: [
    'another user of the machine',
    [PEER, 'is refused at every transport, with or without a token being configured'],
    [PEER, 'is refused over IPv6 as well'],
    [
      'transports/unix-socket.test.ts',
      'is open to its owner only, serves the transports as to a local caller, and goes at the stop',
    ],
  ],
  T7: [
    'everybody in the network, after a wide bind',
    [
      'cli/config.test.ts',
      'comes from the flag before the file flag before the environment before the file',
    ],
    ['cli/config.test.ts', 'can be waived for a wide bind, in so many words only'],
    [GATE, 'trusts nobody for being local'],
    [GATE, 'fails closed when there is no token to ask for'],
  ],
  T8: [
    'a proxy or tunnel makes other clients look local',
    [GATE, 'needs none from this machine, unless a proxy has left a trace'],
    [
      'transports/forwarded.test.ts',
      'is never local, also where the proxy says nothing of anybody',
    ],
    ['transports/proxy.test.ts', 'serves page, requests and both sockets where it '],
  ],
  T9: [
    'a stolen token',
    [TOKENS, 'takes its /ws, socket.io, inspection and waiting hook with it within a second'],
    [TOKENS, 'may not even finish what it has begun to say'],
    [TOKENS, 'is replaced by a rotation, with a grace or at once'],
    [TOKENS, 'a backup brings no revoked token back'],
  ],
  T10: [
    'a token in a list of processes',
    [HOOK, 'carries the token to another machine, in a header that no process list shows'],
    ['cli/hook-over-tcp.test.ts', 'never shows the secret in an argument'],
  ],
  T11: [
    'a token in an address, a log or a referrer',
    [GATE, 'takes ?token= on the /ws upgrade only, percent-decoded, and refuses contradictions'],
    [TOKENS, 'keeps no secret anywhere'],
    ['cli/log.test.ts', 'holds no token, no payload and no object, whoever passes them'],
    [SOCKETIO, 'the token comes in CONNECT or as Bearer, never in the query'],
  ],
  T12: [
    'tokens that are guessed',
    [GATE, 'makes guessers wait, longer each time, and never locks out the valid token'],
    [TOKENS, 'slows down who guesses, and never who knows'],
    [TOKENS, 'refuses a token that is wrong, and one that only looks like one, at every endpoint'],
  ],
  T13: [
    'files that others can read',
    ['cli/commands.test.ts', 'creates everything, privately, and says what comes next'],
    ['cli/commands.test.ts', "refuses a data directory that cannot be one, or is somebody else's"],
    [
      'cli/doctor.test.ts',
      'mends a script of another version, a wrong address and an open directory when asked to',
    ],
  ],
  T14: [
    'a hook names a file that is not a transcript',
    [
      'providers/claude/homes.test.ts',
      'is not opened elsewhere, through a link, or when it is no regular file',
    ],
    [
      'providers/codex/rollout-faults.test.ts',
      'with junk, a line of 100 MB, a link, a pipe or a folder in its place is passed over with one warning',
    ],
  ],
  T15: [
    'links among the files of an agent',
    [
      'providers/claude/homes.test.ts',
      'are listed newest first and bounded, without links and subagents',
    ],
    [
      'providers/codex/rollout-faults.test.ts',
      'with junk, a line of 100 MB, a link, a pipe or a folder in its place is passed over with one warning',
    ],
  ],
  T16: [
    'a repository whose git configuration runs something',
    ['host/git-head.test.ts', 'passes over a .git that is none, as git itself does'],
    ['host/worktrees.test.ts', 'hooks and helpers of the repository are not run'],
  ],
  T17: [
    'markup and scripts in what agents write',
    [HOSTILE, 'shows each of '],
    [HOSTILE, 'shows the corpus as text also when it comes through hooks and the database'],
    [
      'visualizer/browser/real.test.ts',
      'keeps its policy, and every byte of it comes from this server',
    ],
    ['flows/images.test.ts', 'serves an image with its own type, to be kept, and to run nothing'],
  ],
  T18: [
    'a command that hides what it does',
    [
      'threats/hidden-characters.test.ts',
      'a command that hides what it does is exact on the wire, and shown with all its characters',
    ],
    [
      'flows/notifications.test.ts',
      'offers no approval in a notification that does not show all of it',
    ],
    [
      'cli/commands.test.ts',
      'shows control characters and turned writing instead of sending them to the terminal',
    ],
    [HOSTILE, 'shows each of '],
    [
      'visualizer/page/session.test.ts',
      'lets a long command be approved only after its end was in view',
    ],
  ],
  T19: [
    'lines and secrets that get into the log',
    ['cli/log.test.ts', 'keeps a hostile value on its line and shows its control characters'],
    ['cli/log.test.ts', 'holds no token, no payload and no object, whoever passes them'],
    [HTTP, 'carries the security headers, and the log neither queries nor headers'],
  ],
  T20: [
    'JSON that is huge or deep',
    ['transports/json-scan.test.ts', 'takes 64 levels and refuses 65'],
    [
      'transports/json-scan.test.ts',
      'refuses more than 200,000 structural tokens before it has read on',
    ],
    ['transports/ws.test.ts', 'that are dangerous to parse are refused and the connection stays'],
    [SOCKETIO, 'dangerous packets end their own connection before they are parsed'],
    [
      HTTP,
      'refuses what stays above 8 MiB without its long texts before it is sent where its length is given, and keeps nothing of it',
    ],
  ],
  T21: [
    'compression that grows',
    [GATE, 'does not negotiate compression'],
    [SOCKETIO, 'serves no client script, sets no cookie and offers no compression'],
    [HTTP, 'refuses what it cannot read, each in its own way'],
  ],
  T22: [
    'senders that never finish',
    [HTTP, 'cuts off requests that do not finish, while others are answered'],
    ['transports/drips.test.ts', 'those on the unix socket too'],
    [SOCKETIO, 'drops who does not join in time'],
  ],
  T23: [
    'a flood of connections',
    [
      'transports/listen.test.ts',
      'of connections are refused beyond the total, and the others go on',
    ],
    [
      'transports/listen.test.ts',
      'of clients without access push out the one that has waited longest, never one that got in',
    ],
    [SOCKETIO, 'lets nobody more in than there is room for'],
  ],
  T24: [
    'a client that never reads',
    [
      'transports/backlog.test.ts',
      'of /ws holds at most 4 MiB and a batch, disturbs nobody, and converges',
    ],
    ['transports/backlog.test.ts', 'of socket.io is held to the same rule'],
    [
      'transports/backlog.test.ts',
      'is closed with 1013 when it is behind for more than 30 seconds',
    ],
  ],
  T25: [
    'a flood of messages or subscriptions',
    ['flows/subscriptions.test.ts', 'receives every fact once on '],
    [
      'transports/ws.test.ts',
      'beyond 200 at once are refused, the connection stays, and time brings them back',
    ],
    [SOCKETIO, 'more than 200 messages at once are refused and the connection stays'],
  ],
  T26: [
    'looking that starts processes',
    ['runtime/catalog.test.ts', 'looking at a session starts no process'],
    [TOKENS, '%s may send the messages that the table grants, and no other'],
  ],
  T27: [
    'paths out of the page’s own folder',
    ['transports/page.test.ts', 'answers 404 to everything that is not one of its files'],
    [GATE, 'takes paths literally'],
    ['transports/forwarded.test.ts', 'is taken off once, and only as a whole'],
  ],
  T28: [
    'keys that change every object',
    [
      'transports/json-scan.test.ts',
      'finds a key __proto__ however it is spelled, but not the same text as a value',
    ],
    [
      'faults/garbage.test.ts',
      'refuses 100,000 pieces of garbage on all transports, and nobody else notices',
    ],
    [HOSTILE, 'shows each of '],
  ],
  T29: [
    'words of a path or a file that a shell or a service manager runs',
    [HOOK, 'runs nothing that stands in its path or its configuration'],
    ['cli/install-hooks.test.ts', 'writes a command that a shell runs, whatever the path is'],
    ['cli/control.test.ts', 'writes a unit that systemd takes, whatever the path'],
  ],
  T30: [
    'hooks of other tools that are lost at the installation',
    [
      'cli/install-hooks.test.ts',
      'keeps everybody else: hooks, matchers, siblings, unknown keys, order and indentation',
    ],
    [
      'cli/install-hooks.test.ts',
      'numbers its backups, which are exact and as private as the file',
    ],
    ['cli/install-hooks.test.ts', 'is refused when it is not UTF-8, byte for byte as it was'],
  ],
  T31: [
    'commands without an end or with too much to say',
    [
      'host/shell.test.ts',
      'ends a command and all it started when its time is over, and keeps what it wrote',
    ],
    [
      'host/shell.test.ts',
      'keeps beginning and end of a flood, in little memory, and says what it left out',
    ],
    ['host/shell.test.ts', 'hands on our environment without what is ours'],
    [
      'faults/shell.test.ts',
      'leaves no process after a kill, says interrupted, and runs nothing twice',
    ],
  ],
  T32: [
    'a request that is approved twice, or another one than was shown',
    [
      'flows/codex-approvals.test.ts',
      'is decided by exactly one of two clients, and the other receives how',
    ],
    ['flows/codex-approvals.test.ts', 'is not moved by words that decide nothing'],
    [
      'flows/notifications.test.ts',
      'is answered from a push exactly once, and the push is withdrawn',
    ],
    [
      'flows/waiting-hooks.test.ts',
      'whoever asks under the key of a hook that waits gets nothing, and takes nothing away from it',
    ],
  ],
  T33: [
    'SQL in a text',
    [
      'threats/sql.test.ts',
      'SQL in a text is stored as it was written, and in a question finds nothing',
    ],
    ['threats/sql.test.ts', 'no statement is made of a text that somebody else wrote'],
  ],
  T34: [
    'looking into directories that are none of a client’s business',
    ['host/directory.test.ts', 'stays below its roots, by links and by dots'],
    ['host/directory.test.ts', 'shows no hidden name and looks into none'],
    [
      'host/directory.test.ts',
      'answers about a FIFO, a file, what is not there and what it may not read',
    ],
    ['host/directory.test.ts', 'shows two thousand names of six thousand, the directories first'],
  ],
  T35: [
    'a file that is sent to a model as an image',
    [
      'host/images.test.ts',
      'takes no file from outside the session and the store, whatever leads there',
    ],
    ['host/images.test.ts', 'takes nothing that is too large, too many or no image at all'],
  ],
  T36: [
    'data that leaves by itself',
    [
      'threats/outbound.test.ts',
      'a server asks nobody outside of this machine, whatever comes in at which endpoint, also with keys at hand',
    ],
    ['cli/config.test.ts', 'is off unless somebody asks for it'],
  ],
  T37: [
    'code of others',
    ['supply.test.ts', 'is locked to the bytes of one registry'],
    ['supply.test.ts', 'runs nothing when it is installed but what is allowed by name'],
    ['supply.test.ts', 'installs two packages with the server: all else is in the bundle'],
    [
      'supply.test.ts',
      'holds an SQLite without the bug that two writers of a log could damage a database by',
    ],
  ],
};

/** Ways in that once were open, found by trying. */
export const FOUND: Threats = {
  'another user gets a shell as the owner': [
    'eight of eight endpoints let uid 65534 in',
    [PEER, 'is refused at every transport, with or without a token being configured'],
    [
      'transports/unix-socket.test.ts',
      'is open to its owner only, serves the transports as to a local caller, and goes at the stop',
    ],
  ],
  'a stock nginx makes other clients local': [
    'also one of the owner’s own user, with HTTP/1.0 or a field of its own',
    [
      'transports/proxy.test.ts',
      'is installed, because these tests need it (Debian: apt-get install nginx)',
    ],
    ['transports/proxy.test.ts', 'makes nobody local: '],
  ],
  'one anonymous body blocks the server': [
    'tiny packets, many CONNECTs, tiny frames before any credential',
    [SOCKETIO, '%s ends the polling connection, with a line that names the address'],
    [SOCKETIO, 'a websocket that sends tiny packets, or a message first, is closed'],
    [SOCKETIO, 'lets no web page use a session that it has learnt the id of'],
  ],
  'a squatter on the port gets token and hooks': [
    'he answers 204',
    [
      HOOK,
      'goes through the unix socket only, with its token, also when another program has the port',
    ],
    [
      HOOK,
      'sends no token to a loopback address, and believes nobody there who says that the hook is stored',
    ],
    [
      'cli/hook-over-tcp.test.ts',
      'shows a squatter nothing that he could use, and keeps the hook when he says it is stored',
    ],
    [
      'cli/hook-answers.test.ts',
      'believes no other server, and none that changes what the server says',
    ],
  ],
  'nobody knows who did it': [
    'commands in the journal, refusals in the log',
    [
      'flows/refusals.test.ts',
      'names who sent a command, in the journal when it was taken and in the log when it was not',
    ],
    [TOKENS, 'names the token in the log and the journal'],
    [TOKENS, 'the audit says who did what, and what became of tokens'],
  ],
  'raw texts, links, weak tokens, slow patterns': [
    'replay prints escapes; a link answers JSON; a token of one letter; a pattern that takes seconds',
    [
      'cli/commands.test.ts',
      'shows control characters and turned writing instead of sending them to the terminal',
    ],
    ['transports/page.test.ts', 'opens it, in no frame'],
    [
      'cli/commands.test.ts',
      'refuses a token that protects nothing with 78 and does not repeat it',
    ],
    ['inspection/redact.test.ts', 'takes no longer for hostile texts than for long ones'],
  ],
};
