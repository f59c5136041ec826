//! The schema, as the list of steps that lead to it.
//!
//! The list is append-only: a step that has been released is never edited, and a column never changes its meaning.
//! Version n of a file is the number of steps it has had. All tables are STRICT; keys are AUTOINCREMENT, so that an id
//! on an old button never names a new row. Times are RFC 3339 text in UTC with milliseconds, which sorts. What `SQLite`
//! can guarantee is guaranteed here: one sweep per slot, one open question per account, a chain without gaps.

/// The steps, oldest first.
pub(super) const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11];

const V1: &str = "
CREATE TABLE policy (
    name TEXT NOT NULL PRIMARY KEY,
    first_seen_at TEXT NOT NULL,
    live_rule TEXT,
    live_by TEXT,
    live_at TEXT
) STRICT;

CREATE TABLE sweep (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL REFERENCES policy (name),
    slot TEXT NOT NULL,
    cause TEXT NOT NULL,
    started_at TEXT NOT NULL,
    rule TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    finished_at TEXT,
    counts TEXT,
    verdict TEXT,
    pages INTEGER,
    error TEXT,
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    UNIQUE (policy, slot)
) STRICT;
CREATE INDEX sweep_unfinished ON sweep (id) WHERE state = 'started';
CREATE INDEX sweep_untold ON sweep (id) WHERE told = 0;

CREATE TABLE request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sweep INTEGER NOT NULL UNIQUE REFERENCES sweep (id),
    policy TEXT NOT NULL REFERENCES policy (name),
    channel TEXT NOT NULL,
    rule TEXT NOT NULL,
    list_hash TEXT NOT NULL,
    swept_by TEXT,
    created_at TEXT NOT NULL,
    answer_within_s INTEGER NOT NULL,
    deadline TEXT,
    release TEXT,
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;
CREATE INDEX request_policy ON request (policy, id);
CREATE INDEX request_untold ON request (id) WHERE told = 0;

CREATE TABLE candidate (
    request INTEGER NOT NULL REFERENCES request (id),
    position INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    shown TEXT NOT NULL,
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    PRIMARY KEY (request, position)
) STRICT;
-- At most one open question or task holds an account.
CREATE UNIQUE INDEX candidate_open ON candidate (account_id) WHERE state IN ('proposed', 'due');
CREATE INDEX candidate_account ON candidate (account_id, request);

CREATE TABLE message (
    key TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    thread TEXT,
    ts TEXT,
    tried_at TEXT,
    rendered TEXT,
    render_again_at TEXT,
    retry_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    page INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX message_ref ON message (channel, ts) WHERE ts IS NOT NULL;

-- The request is as the click named it, so it need not exist.
CREATE TABLE receipt (
    key TEXT NOT NULL PRIMARY KEY,
    request INTEGER,
    user_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    settled_at TEXT,
    outcome TEXT
) STRICT;
CREATE INDEX receipt_unsettled ON receipt (request) WHERE settled_at IS NULL;

CREATE TABLE audit_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    policy TEXT,
    sweep INTEGER REFERENCES sweep (id),
    request INTEGER REFERENCES request (id),
    account_id TEXT,
    login TEXT,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_account ON audit_event (account_id, seq) WHERE account_id IS NOT NULL;
CREATE INDEX audit_request ON audit_event (request, seq) WHERE request IS NOT NULL;
CREATE INDEX audit_action ON audit_event (action, seq);
CREATE INDEX audit_policy ON audit_event (policy, seq) WHERE policy IS NOT NULL;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_event
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- REPLACE deletes without asking the trigger above; this one also keeps the chain without gaps and forks.
CREATE TRIGGER audit_appends BEFORE INSERT ON audit_event
WHEN NEW.seq != coalesce((SELECT max(seq) FROM audit_event), 0) + 1
    OR NEW.prev_hash != coalesce((SELECT hash FROM audit_event ORDER BY seq DESC LIMIT 1), NEW.prev_hash)
BEGIN SELECT RAISE(ABORT, 'audit events are only appended'); END;
";

const V2: &str = "
CREATE TABLE exemption (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL REFERENCES policy (name),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    granted_at TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL CHECK (ends_at > starts_at),
    ended_at TEXT,
    ended TEXT,
    -- The first exemption of those whose end one message announces.
    notice INTEGER REFERENCES exemption (id),
    announced_at TEXT
) STRICT;
CREATE INDEX exemption_open ON exemption (policy, ends_at) WHERE ended_at IS NULL;
CREATE INDEX exemption_account ON exemption (account_id, id);
CREATE INDEX exemption_unannounced ON exemption (notice) WHERE notice IS NOT NULL AND announced_at IS NULL;

CREATE TABLE restoration (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL REFERENCES policy (name),
    request INTEGER REFERENCES request (id),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;
-- One at a time per account.
CREATE UNIQUE INDEX restoration_due ON restoration (account_id) WHERE state = 'due';
CREATE INDEX restoration_untold ON restoration (id) WHERE told = 0;
CREATE INDEX restoration_account ON restoration (account_id, id);
CREATE INDEX restoration_request ON restoration (request) WHERE request IS NOT NULL;
";

const V3: &str = "
-- What a person chose in the dialog so far, until the request ends.
CREATE TABLE review (
    request INTEGER NOT NULL REFERENCES request (id),
    person TEXT NOT NULL,
    draft TEXT NOT NULL,
    PRIMARY KEY (request, person)
) STRICT;
";

/// Earlier suspensions are watched too, the latest one of each account.
const V4: &str = "
CREATE TABLE watch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL,
    position INTEGER NOT NULL,
    policy TEXT NOT NULL REFERENCES policy (name),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    suspended_at TEXT NOT NULL,
    -- Null: at the next sweep, or over.
    next_at TEXT,
    looked_at TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    ended_at TEXT,
    ended TEXT,
    -- The first watch of those that one message tells of.
    batch INTEGER REFERENCES watch (id),
    told_at TEXT,
    UNIQUE (request, position),
    FOREIGN KEY (request, position) REFERENCES candidate (request, position),
    CHECK ((ended_at IS NULL) = (ended IS NULL))
) STRICT;
INSERT INTO watch (request, position, policy, account_id, login, suspended_at, next_at, ended_at, ended)
SELECT request, position, policy, account_id, login, at,
    CASE WHEN latest = 1 THEN at END,
    CASE WHEN latest > 1 THEN at END,
    CASE WHEN latest > 1 THEN '{\"end\":\"suspended_anew\"}' END
FROM (
    SELECT candidate.request, position, policy, account_id, login,
        strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(candidate.state_json, '$.at')) AS at,
        row_number() OVER (PARTITION BY account_id ORDER BY candidate.request DESC) AS latest
    FROM candidate JOIN request ON request.id = candidate.request
    WHERE candidate.state = 'suspended'
) ORDER BY request, position;
-- One suspension of an account is watched at a time.
CREATE UNIQUE INDEX watch_open ON watch (account_id) WHERE ended_at IS NULL;
CREATE INDEX watch_due ON watch (policy, next_at) WHERE ended_at IS NULL;
CREATE INDEX watch_untold ON watch (batch) WHERE batch IS NOT NULL AND told_at IS NULL;
";

/// The bot's page, summaries, and questions to the people that a request asks.
const V5: &str = "
-- Who has opened the bot's page, and what it shows them.
CREATE TABLE home (
    user_id TEXT NOT NULL PRIMARY KEY,
    opened_at TEXT NOT NULL,
    -- Counts what the person did that calls for a fresh page, and which of that the page has seen.
    asked INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    -- The state of things when the page was last looked at, and what it shows.
    seen TEXT,
    shown TEXT,
    published_at TEXT,
    retry_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX home_opened ON home (opened_at);

-- One summary per policy and slot, as for sweeps.
CREATE TABLE digest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL REFERENCES policy (name),
    slot TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL CHECK (until > since),
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    UNIQUE (policy, slot)
) STRICT;
CREATE INDEX digest_untold ON digest (id) WHERE told = 0;
CREATE INDEX audit_policy_at ON audit_event (policy, at) WHERE policy IS NOT NULL;

-- What a person concerned is asked about one account of a request: its own person, or their manager.
CREATE TABLE question (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL REFERENCES request (id),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('person', 'manager')),
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    UNIQUE (request, account_id, role)
) STRICT;
";

/// What questions to the audit trail go by. The two tables only say where to look: both can be rebuilt from the trail.
const V6: &str = "
ALTER TABLE audit_event ADD COLUMN by_id TEXT
    GENERATED ALWAYS AS (CASE WHEN json_valid(actor) THEN json_extract(actor, '$.person.id') END) VIRTUAL;
-- Those that end with the policy have it to look at without reading the event.
CREATE INDEX audit_by ON audit_event (by_id, seq, policy) WHERE by_id IS NOT NULL;
CREATE INDEX audit_by_action ON audit_event (by_id, action, seq, policy) WHERE by_id IS NOT NULL;
CREATE INDEX audit_policy_action ON audit_event (policy, action, seq) WHERE policy IS NOT NULL;

-- The accounts that events are about, under every login that they had.
CREATE TABLE audit_subject (
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    PRIMARY KEY (account_id, login)
) STRICT, WITHOUT ROWID;
INSERT INTO audit_subject SELECT DISTINCT account_id, login FROM audit_event
WHERE account_id IS NOT NULL AND login IS NOT NULL;

-- Between which numbers the events of a day (in UTC) lie. Clocks go wrong, so days may overlap.
CREATE TABLE audit_day (
    day TEXT NOT NULL PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO audit_day SELECT substr(at, 1, 10), min(seq), max(seq) FROM audit_event GROUP BY 1;

CREATE TRIGGER audit_subject_known AFTER INSERT ON audit_event
WHEN NEW.account_id IS NOT NULL AND NEW.login IS NOT NULL
BEGIN INSERT OR IGNORE INTO audit_subject VALUES (NEW.account_id, NEW.login); END;
CREATE TRIGGER audit_day_known AFTER INSERT ON audit_event
BEGIN
    INSERT INTO audit_day VALUES (substr(NEW.at, 1, 10), NEW.seq, NEW.seq)
    ON CONFLICT (day) DO UPDATE SET last_seq = NEW.seq;
END;
";

/// Two people's approvals, requests that are asked again, and reminders while nobody answers.
const V7: &str = "
ALTER TABLE request ADD COLUMN approvals_needed INTEGER NOT NULL DEFAULT 1 CHECK (approvals_needed >= 1);
ALTER TABLE request ADD COLUMN asked_again TEXT;

-- Reminders and escalations, once per request and stage.
CREATE TABLE nudge (
    request INTEGER NOT NULL REFERENCES request (id),
    stage TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    told_at TEXT,
    PRIMARY KEY (request, stage)
) STRICT;
";

/// Emergency stops; where the audit trail begins after a part of it was archived; how far each collector has it.
const V8: &str = "
CREATE TABLE pause (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL,
    began TEXT NOT NULL,
    ended TEXT,
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX pause_in_force ON pause (policy) WHERE ended IS NULL;

-- The last event that was archived and removed. None: the trail is whole.
CREATE TABLE audit_archived (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_event
WHEN OLD.seq > coalesce((SELECT seq FROM audit_archived), 0)
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- The word for it stands in the trail before anything goes.
CREATE TRIGGER audit_archived_begins BEFORE INSERT ON audit_archived
WHEN NOT EXISTS (SELECT 1 FROM audit_event WHERE action = 'archived'
    AND json_extract(detail, '$.up_to') = NEW.seq AND json_extract(detail, '$.head') = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'what is removed from the audit trail is recorded first'); END;
CREATE TRIGGER audit_archived_grows BEFORE UPDATE ON audit_archived
WHEN NEW.seq <= OLD.seq OR NOT EXISTS (SELECT 1 FROM audit_event WHERE action = 'archived'
    AND json_extract(detail, '$.up_to') = NEW.seq AND json_extract(detail, '$.head') = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'what is removed from the audit trail is recorded first'); END;
CREATE TRIGGER audit_archived_stays BEFORE DELETE ON audit_archived
BEGIN SELECT RAISE(ABORT, 'where the audit trail begins is never forgotten'); END;

-- Up to which event each collector of the trail has it.
CREATE TABLE forwarded (
    collector TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Adds which database this is, in which epoch, and why it is stopped; the signs of life in the provider's log of each
/// account that was asked about; what came to light after a suspension. The id is 128 random bits, made once for a new
/// file and for one that is migrated.
const V9: &str = "
CREATE TABLE lineage (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL CHECK (length(id) = 32),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    epoch_began TEXT,
    -- Used before databases had ids: buttons without one may be its own.
    migrated INTEGER NOT NULL CHECK (migrated IN (0, 1)),
    -- What an admin has seen and left behind, as JSON.
    acknowledged TEXT NOT NULL DEFAULT '[]',
    -- Up to these numbers requests and restorations belong to an earlier epoch.
    last_request INTEGER NOT NULL DEFAULT 0,
    last_restoration INTEGER NOT NULL DEFAULT 0,
    -- Why nothing is executed, as JSON.
    stopped TEXT
) STRICT;
INSERT INTO lineage (one, id, epoch, migrated)
SELECT 1, lower(hex(randomblob(16))), 1, EXISTS (SELECT 1 FROM audit_event);
CREATE TRIGGER lineage_only_grows BEFORE UPDATE ON lineage
WHEN NEW.id != OLD.id OR NEW.epoch < OLD.epoch OR NEW.last_request < OLD.last_request
    OR NEW.last_restoration < OLD.last_restoration
BEGIN SELECT RAISE(ABORT, 'a database keeps its id, and its epoch only grows'); END;
CREATE TRIGGER lineage_stays BEFORE DELETE ON lineage
BEGIN SELECT RAISE(ABORT, 'a database keeps its id'); END;

-- A card that shows what this file does not have is never changed again.
ALTER TABLE message ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1));

CREATE TABLE sighting (
    account_id TEXT NOT NULL PRIMARY KEY,
    -- The latest sign of life, and what it was.
    seen_at TEXT,
    sign TEXT,
    -- The log has been read without a gap between these.
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    CHECK (seen_at IS NOT NULL OR sign IS NULL)
) STRICT, WITHOUT ROWID;

-- When a suspension was checked once more, and the sign of life that nobody could see before it.
ALTER TABLE watch ADD COLUMN checked_at TEXT;
ALTER TABLE watch ADD COLUMN missed TEXT;
ALTER TABLE watch ADD COLUMN missed_told_at TEXT;
CREATE INDEX watch_missed ON watch (id) WHERE missed IS NOT NULL AND missed_told_at IS NULL;
-- Suspensions of an earlier version are not checked for the first time weeks later.
UPDATE watch SET checked_at = suspended_at;

-- The accounts that were left out because their profile has an approver's e-mail address, as JSON.
ALTER TABLE sweep ADD COLUMN by_email TEXT;
";

/// Adds the outbox: a message that is said once is a row, added in the transaction of the fact that it reports. Before, a
/// column of each table said what still had to be reported.
const V10: &str = "
ALTER TABLE message ADD COLUMN kind TEXT;
ALTER TABLE message ADD COLUMN subject INTEGER CHECK ((subject IS NULL) = (kind IS NULL));
-- Since when it waits to be said. Null: it was said.
ALTER TABLE message ADD COLUMN due_at TEXT CHECK (due_at IS NULL OR kind IS NOT NULL);
CREATE INDEX message_due ON message (due_at) WHERE due_at IS NOT NULL;

-- Their keys stay as they were: one that an earlier version posted is found in the channel.
INSERT INTO message (key, channel, kind, subject, due_at)
SELECT key, '', kind, subject, due_at FROM (
    SELECT 'pause:' || id || ':began' AS key, 'pause' AS kind, id AS subject,
        strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(began, '$.at')) AS due_at FROM pause WHERE told = 0
    UNION ALL SELECT 'digest:' || id, 'digest', id, until FROM digest WHERE told = 0
    UNION ALL SELECT 'exemptions:' || notice || ':ending', 'exemptions_end', notice, min(ends_at)
        FROM exemption WHERE notice IS NOT NULL AND announced_at IS NULL GROUP BY notice
    UNION ALL SELECT 'drift:' || batch, 'drift', batch, min(ended_at)
        FROM watch WHERE batch IS NOT NULL AND told_at IS NULL GROUP BY batch
    UNION ALL SELECT 'missed:' || id, 'missed', id, checked_at
        FROM watch WHERE missed IS NOT NULL AND missed_told_at IS NULL
    UNION ALL SELECT 'sweep:' || id || ':notice', 'sweep', id, finished_at
        FROM sweep WHERE told = 0 AND state != 'started'
    UNION ALL SELECT 'restoration:' || id, 'restoration', id, asked_at
        FROM restoration WHERE told = 0 AND state != 'due'
) WHERE true
ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, subject = excluded.subject, due_at = excluded.due_at;

DROP INDEX sweep_untold;
DROP INDEX exemption_unannounced;
DROP INDEX restoration_untold;
DROP INDEX watch_untold;
DROP INDEX watch_missed;
DROP INDEX digest_untold;
ALTER TABLE sweep DROP COLUMN told;
ALTER TABLE exemption DROP COLUMN announced_at;
ALTER TABLE restoration DROP COLUMN told;
ALTER TABLE watch DROP COLUMN told_at;
ALTER TABLE watch DROP COLUMN missed_told_at;
ALTER TABLE digest DROP COLUMN told;
ALTER TABLE pause DROP COLUMN told;
";

/// Adds whose account each row is about. Before, there was one provider.
const V11: &str = "
ALTER TABLE request ADD COLUMN provider TEXT NOT NULL DEFAULT 'okta';
ALTER TABLE restoration ADD COLUMN provider TEXT NOT NULL DEFAULT 'okta';
ALTER TABLE watch ADD COLUMN provider TEXT NOT NULL DEFAULT 'okta';
ALTER TABLE exemption ADD COLUMN provider TEXT NOT NULL DEFAULT 'okta';
";
