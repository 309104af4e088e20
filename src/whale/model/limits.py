"""Every cap in one place: bytes, counts and seconds, each with its reason.

PROTOCOL.md section 9 shows those a peer can meet; a test keeps it true.
"""

KIB = 1024
MIB = 1024 * KIB

MAX_MESSAGE = 1 * MIB
"""Largest WebSocket message, channel byte included. A peer that sends more is closed with 1009."""

MAX_PAYLOAD = 128 * KIB
"""Largest data payload whale itself sends: large enough that framing costs little, small enough that a
heartbeat or a status waits for less than a millisecond behind it."""

MAX_CONTROL = 64 * KIB
"""Largest control message. Environment and command travel in `open`; Linux allows more, nobody needs it."""

MAX_TEXT = 2000
"""Characters of a text for people in an error, a notice or a status; longer ones are cut. At six bytes for an
escaped character two of them stay below MAX_CONTROL."""

WINDOW_TTY = 2 * MIB
"""Unacknowledged terminal output. What still scrolls by after Ctrl-C is this and about as much that the engine
holds. A smaller window makes it worse on a slow link: at a round trip of 100 ms 512 KiB let 5 MB/s through, less
than `yes` writes, so everything on the way filled up and took 0.7 s to drain; with 1 MiB it was 0.4 to 0.6 s, and with
this 0.2 to 0.3."""

WINDOW_PIPE = 2 * MIB
"""Unacknowledged pipe output: 40 MB/s at a round trip of 50 ms."""

MAX_WINDOW = 2 * MIB
"""Largest window a client may grant. The server keeps what is unacknowledged, so the grant is its memory; and a
window cut down in silence would leave a client waiting that acknowledges by quarters of the one it knows."""

MIN_LOG = 64 * KIB
"""Output a session holds for a client that granted less: one read of the engine's stream must fit."""

MAX_PIECE = 256 * KIB
"""Largest piece of output that an engine hands over at once: what a log must have room for beyond its window."""

MAX_RECORD = 320 * KIB
"""What is known of a session, for the next server. A request is at most 64 KiB of JSON, which another encoding may
make larger."""

MAX_SNAPSHOT = 1 * MIB
"""Picture of a terminal that is put beside its output. There are two at a time, of terminals alone."""

MAX_UNFINISHED = 16 * KIB
"""Unfinished control sequence that an emulator keeps. Titles and colours are far shorter."""

MAX_STRING = 64 * KIB
"""Graphics command or clipboard that an emulator buffers. It shows neither."""

MAX_REPLIES = 4 * KIB
"""Answers of an emulator to queries, until somebody takes them: what a program asks at its start is a tenth of it."""

MAX_NOTICES = 16
"""Notices that wait for a client, of up to MAX_TEXT each; one that reads nothing loses the oldest."""

JOURNAL = 256 * KIB
"""What is remembered of a recorded session beside its output until it is written down: input, and when everything was.
A second of output at its fastest is 24 KiB."""

RECORDING_DELAY = 0.25
"""Seconds after which what happened is in the recording's file at the latest."""

RECORDING_AHEAD = 512 * KIB
"""Bytes of output that are written at once: a quarter of the window, so that a flood need not stand still for them."""

RECORDING_SYNC = 2.0
"""Seconds after which it is on the disk."""

RECORDING_CHUNK = 2 * MIB
"""Recorded bytes in one file of a recording: as much is read when somebody jumps to a moment."""

RECORDING_RETRY = 1.0
"""Seconds until what could not be written is tried again."""

WINDOW_STDIN = 1 * MIB
"""Unacknowledged input, pipes and terminals alike."""

HANDSHAKE_TIMEOUT = 10.0
"""Seconds a client has from the WebSocket handshake to `open`."""

HEARTBEAT_INTERVAL = 20.0
"""Seconds between WebSocket pings from the server; shorter than the 60 s idle limit of common proxies."""

PEER_TIMEOUT = 45.0
"""Seconds without any byte after which either end calls the connection lost: two heartbeats and some."""

CLOSE_TIMEOUT = 5.0
"""Seconds a client has to answer a WebSocket close before the connection is cut."""

DISPLACED_TIMEOUT = 0.5
"""The same for one whose token is good no more, or that came back on another connection. With the look at the tokens
before it, no connection outlives its token by 2 seconds, whether its client reads or not."""

KEEP = 300.0
"""Seconds a session without a terminal waits for a client whose connection broke, or for anybody after its client has
detached, unless the server is configured otherwise. Its command stands still once the window is full."""

KEEP_TERMINAL = 86_400.0
"""The same for a session with a terminal: a laptop that is closed in the evening is opened in the morning."""

REVOCATION_INTERVAL = 0.5
"""Seconds between two looks at the tokens that live sessions depend on: what lives by a token ends within 2 seconds,
also when 200 sessions do, which takes one of them."""

REVOCATION_TIMEOUT = 10.0
"""Seconds the token table has for such a look; longer than a database waits for a lock."""

APPROVAL_WAIT = 900.0
"""Seconds that a request waits for somebody to allow it, unless the server is configured otherwise."""

APPROVAL_TIME = 3600.0
"""Seconds that it is allowed for, when nothing else is said, unless the server is configured otherwise."""

MAX_APPROVAL_TIME = 7 * 86_400
"""Seconds that anything may be allowed for: what is needed for longer belongs into a policy."""

MAX_APPROVALS_WAITING = 1000
"""Requests that wait for somebody to allow them; each holds a connection."""

MAX_APPROVALS_WAITING_EACH = 10
"""Those of one principal: who decides has to be able to read them."""

ACCESS_LIFETIME = 900
"""Seconds that the access token of a login is good: what was copied from somewhere is soon worth nothing."""

LOGIN_LIFETIME = 90 * 86_400
"""Seconds until a person has to enrol again, however often the login is refreshed."""

MAX_LOGINS_EACH = 50
"""Logins of one person at once; one more ends the one that was not used for longest. Nobody has so many machines, and
a script that logs in each time fills no table."""

PROVIDER_LOGIN_LIFETIME = 12 * 3600
"""The same for those whom an identity provider vouches for: whom it lets go, or moves to other groups, is known here at
the next login, so that is once a working day."""

FEDERATED_LIFETIME = 900
"""Seconds that a token is good which a job got for its own, unless the rule says otherwise."""

MAX_FEDERATED_LIFETIME = 3600
"""And at most so many: the job that had it may be over by then."""

MAX_JOB_TOKEN = 8000
"""Characters of an `Authorization` header with a job's token. Headers are cut at 8190; usual tokens have 2000."""

MAX_JOB_TOKEN_AGE = 3600
"""Seconds after which a job's token is not exchanged any more, whatever it says; those that were are known as long."""

MAX_FEDERATED_TOKENS = 10_000
"""Tokens of one federation rule, those included that have expired in the last two hours."""

MAX_FEDERATION_RULES = 100
"""Federation rules; each is looked at for each token."""

REFRESH_GRACE = 60
"""Seconds after its use in which a refresh token may be shown again, by a client that did not get the answer: nobody
has used it then. A client asks again at once; this is for one whose network comes back first."""

DEVICE_LIFETIME = 600
"""Seconds that a login by browser may take: to find the password, and the second factor."""

DEVICE_INTERVAL = 2
"""Seconds between two questions of a command line whether somebody has confirmed."""

MAX_DEVICE_LOGINS = 1000
"""Logins by browser that wait at once. With 20^8 codes, and MAX_WRONG_CODES, to guess one of them takes centuries."""

MAX_DEVICE_LOGINS_EACH = 50
"""The same from one address: others shall be able to log in, too."""

MAX_WRONG_CODES = 100
"""Wrong codes in a minute, from everywhere, after which no code is looked at for the rest of it."""

MAX_WRONG_CODES_EACH = 20
"""The same from one address."""

PROVIDER_TIMEOUT = 10.0
"""Seconds an identity provider has for one answer. Somebody sits in front of a browser and waits."""

ENGINE_TIMEOUT = 15.0
"""Seconds an engine has to answer a request. Starting an exec under load takes some of it."""

STATUS_TIMEOUT = 10.0
"""Seconds after the end of the output in which the engine must say how the exec ended."""

DELIVERY_TIMEOUT = 30.0
"""Seconds the client has to acknowledge the last byte and the status before its connection is closed."""

MAX_SESSIONS = 4000
"""Live sessions per server: each needs four descriptors and common limits are 20,000 and below."""

MAX_ENDED = 1000
"""Sessions that have ended and whose end somebody may still ask for. They do not count as sessions; of more, those that
ended first are let go."""

MAX_PRINCIPAL_SESSIONS = 2000
"""Live sessions of one principal, unless the server is configured otherwise: nobody alone takes all of MAX_SESSIONS."""

MAX_UNAUTHENTICATED = 2000
"""Connections from which nothing was let in yet, unless the server is configured otherwise: a tenth of common limits
for descriptors. One more makes the oldest of the address with the most of them go."""

MAX_UNAUTHENTICATED_PER_ADDRESS = 200
"""The same of one address, or of one /64 of IPv6. A client that starts needs one, for milliseconds."""

AUTH_FAILURES = 10
"""Refused credentials of one account from one address before it is locked there, unless the server is configured
otherwise; of all accounts together five times as many lock the address."""

AUTH_LOCKOUT = 5.0
"""Seconds of the first lockout, unless the server is configured otherwise; each one after it is twice as long."""

MAX_AUTH_LOCKOUT = 900.0
"""And at last so many."""

AUTH_RECOVERY = 600.0
"""Seconds without refused credentials after which there never were any."""

AUTH_PAUSE = 1.0
"""Seconds that an attempt waits for an account that is tried from everywhere."""

MAX_AUTH_TRACKED = 10_000
"""Addresses, and accounts, whose refused credentials are counted: 10 MB in all. Those touched last stay."""

TICKET_LIFETIME = 30.0
"""Seconds in which a ticket can be used, once."""

MAX_PRINCIPAL_TICKETS = 100
"""Tickets of one principal that nobody has used; one more makes their oldest worthless."""

MAX_TICKETS = 10_000
"""The same of all together: a few MB."""

MAX_FORWARDED_HOPS = 32
"""Addresses in the header of a trusted proxy that are looked at, from the nearest on."""

MAX_ATTACHED = 200
"""Clients of one session, whatever they do there: what is known of all of them is written into its memory."""

MAX_COMMAND_ARGS = 4096
MAX_ENV_VARS = 1024
"""Counts of arguments and environment variables in one exec."""

IDLE_AFTER = 10.0
"""Seconds without input and output after which a session gives back the memory that it does not need."""

MAX_QUEUED_SIGNALS = 16
"""Signals a session holds for a command whose engine is slow to deliver them."""

KEEPER_TTL = 300.0
"""Seconds that descriptors are kept for the next server, unless the server says otherwise."""

KEEPER_IDLE = 5.0
"""Seconds that a keeper without descriptors waits for a server: long enough for one that is just starting."""

KEEPER_ANSWER = 5.0
"""Seconds that a keeper has to start and to answer. A server that starts waits for it."""

KEEPER_PUT = 1.0
"""Seconds that a keeper may take to make room for one packet. The server's event loop waits for it, so a keeper
that is stuck soon counts as lost."""

KEEPER_HELLO = 2.0
"""Seconds that whoever connects to a keeper has to say what it is."""

MAX_KEEPER_STRANGERS = 4
"""Connections to a keeper that have not said what they are; one more is closed."""

MAX_KEPT_TOGETHER = 16
"""Descriptors of one session in a keeper."""

MAX_KEPT = 256 * 1024
"""Descriptors of all sessions in a keeper, where the system's own limit is not lower."""

SCREEN_ANSWER = 1.0
"""Seconds that the emulator's process may take for one question, with everything that it was sent before. The server's
event loop waits for it, so a process that is stuck is ended. Whose screen it was at has no picture then, and never
again when the same output does that twice."""

SCREEN_START = 10.0
"""Seconds that the emulator's process has to start, which takes half of one. Who asks for a picture just then waits for
it, and so does the server's event loop."""

SCREEN_WORK = 0.4
"""Seconds of processor time that the emulator's process may spend on one message; the screen is lost then. The repaint
of 200 by 50 cells takes 0.25, when no two of them look the same; usual ones take a thirtieth of that."""

MAX_SCREEN_AHEAD = 256 * KIB
"""Output on its way to the emulator's process. More waits until some of it has been dealt with."""

MAX_SCREEN_MESSAGES = 64
"""Messages on their way to it. Their answers must fit into the socket: nobody reads them before they are needed."""

MAX_REPAINT = 8 * MIB
"""Picture that the emulator's process may hand back: eight times what any can be saved with."""

MAX_SCREENS = 2 * MAX_SESSIONS
"""Terminals emulated at once: the sessions that live, and those that have ended."""

SCREEN_MEMORY = 4 * 1024 * MIB
"""Address space of the emulator's process. A usual screen has 50 KiB, and the largest one, full of accents, 190 MiB."""

SCREEN_PAUSE = 0.25
"""Seconds until the emulator's process is started again when it ends for the second time in SCREEN_STEADY; twice as
long each time after that, up to MAX_SCREEN_PAUSE."""

MAX_SCREEN_PAUSE = 30.0

SCREEN_STEADY = 60.0
"""Seconds after which an end of the emulator's process is the first one again."""

MAX_AUDIT_QUEUE = 10_000
"""Audit events that wait to be written, of which each has some KiB at most; more are counted and not kept."""

MAX_AUDIT_BATCH = 500
"""Audit events written in one transaction, or sent to a sink at once."""

AUDIT_TIMEOUT = 6.0
"""Seconds that what needs its audit event on disk waits for it; longer than a database waits for a lock."""

AUDIT_RETRY_INTERVAL = 1.0
"""Seconds until a trail that can't be written is tried again, when nobody waits for it sooner."""

MAX_AUDIT_REFUSALS = 10
"""Audit events about refused credentials in a second: strangers must not fill the disk. One stands for all that
follow it."""

AUDIT_SINK_TIMEOUT = 15.0
"""Seconds a sink has to take a batch of audit events."""

AUDIT_SINK_PAUSE = 0.5
"""Seconds before a sink that failed is tried again; twice as long each time."""

MAX_AUDIT_SINK_PAUSE = 30.0
"""And at last so many."""

AUDIT_POLL_INTERVAL = 5.0
"""Seconds between two looks for audit events that other processes have written."""

AUDIT_SPOOL = 1_000_000
"""Audit events that a sink may be behind, unless the server is configured otherwise."""

AUDIT_PRUNE_INTERVAL = 3600.0
"""Seconds between two looks for audit events that are too old."""

MAX_AUDIT_PRUNED = 10_000
"""Audit events deleted in one transaction: who wants to write waits for it."""

MIN_REDACTED = 6
"""Bytes of a variable's value, at least, for it to be redacted: less is found everywhere."""

MAX_REDACTED_LINE = 4 * KIB
"""Visible characters of a line in which an operator's expressions look at once; of a longer one they see such pieces,
of which each begins in the middle of the one before."""

MAX_REDACTION_HELD = 64 * KIB
"""Output that waits because what is visible of it may become a secret. More, which only control sequences can be, is
let through, and those few characters are redacted whatever follows."""

MAX_REDACTION_UNSETTLED = 256 * KIB
"""Length of a secret, or of a line with an operator's expressions, that a server which takes over knows to be one. The
rest of a longer one is recorded if a server is killed within it: nothing that is secret is so long, an argument or a
variable neither."""

ECHO_GRACE = 2.0
"""Seconds in which what was typed has to come back, to be recorded where only that is."""

MAX_ECHO_PENDING = 64 * KIB
"""Typed bytes of which it is not known whether they come back; when there are more, none of them is recorded."""
