-- The main job: issues, runs, what happened, what is owed, what was called, what it cost, what was stopped.
-- Instants are microseconds since the epoch, amounts micro-dollars, flags 0 and 1, `state` and the like JSON.

-- Numbers that a decision reads and its commit expects unchanged: `containment`, `claims/PROJECT`.
CREATE TABLE versions (
    name {text} NOT NULL PRIMARY KEY,
    version {int} NOT NULL
) {strict};
INSERT INTO versions (name, version) VALUES ('containment', 0);

-- What the trackers said last.
CREATE TABLE issues (
    project {text} NOT NULL,
    id {text} NOT NULL,
    identifier {text} NOT NULL,
    version {text} NOT NULL,
    state {text} NOT NULL,
    body {text} NOT NULL,
    observed_at {int} NOT NULL,
    PRIMARY KEY (project, id)
) {strict};
CREATE INDEX issues_by_identifier ON issues (identifier);

-- Why an issue is not being worked on: the latest refusal.
CREATE TABLE decisions (
    project {text} NOT NULL,
    issue {text} NOT NULL,
    refusal {text} NOT NULL,
    changed_at {int} NOT NULL,
    PRIMARY KEY (project, issue)
) {strict};

CREATE TABLE runs (
    id {text} NOT NULL PRIMARY KEY,
    project {text} NOT NULL,
    issue {text} NOT NULL,
    purpose {text} NOT NULL,
    agent {text} NOT NULL,
    team {text} NOT NULL,
    parent {text},
    phase {text} NOT NULL,
    is_open {int} NOT NULL CHECK (is_open IN (0, 1)),
    is_live {int} NOT NULL CHECK (is_live IN (0, 1)),
    due_at {int},
    version {int} NOT NULL,
    fence {int} NOT NULL,
    attempts {int} NOT NULL,
    state {text} NOT NULL,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL
) {strict};
-- An issue is never worked on twice at once, whatever the schedulers think.
CREATE UNIQUE INDEX runs_one_author ON runs (project, issue) WHERE is_open = 1 AND purpose = 'author';
CREATE INDEX runs_by_issue ON runs (project, issue, created_at);
CREATE INDEX runs_by_age ON runs (created_at, id);
CREATE INDEX runs_open ON runs (project) WHERE is_open = 1;
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;

-- What a reservation needs of a run, apart from the wide row: calls touch this one often.
CREATE TABLE claims (
    run {text} NOT NULL PRIMARY KEY,
    fence {int} NOT NULL,
    is_live {int} NOT NULL CHECK (is_live IN (0, 1)),
    turns {int} NOT NULL
) {strict};

-- Append-only. Read in the order of (tx, seq); see the dialect for why.
CREATE TABLE events (
    seq {serial},
    tx {int} NOT NULL DEFAULT {tx},
    at {int} NOT NULL,
    run {text} NOT NULL,
    project {text} NOT NULL,
    kind {text} NOT NULL,
    data {text} NOT NULL
) {strict};
CREATE INDEX events_in_order ON events (tx, seq);
CREATE INDEX events_by_run ON events (run, seq);

-- What is owed to the outside. `tries` is the lease's fence: it grows with every claim.
CREATE TABLE effects (
    seq {serial},
    id {text} NOT NULL UNIQUE,
    run {text} NOT NULL,
    kind {text} NOT NULL,
    payload {text} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('pending', 'claimed', 'done', 'dead')),
    not_before {int} NOT NULL,
    lease_owner {text},
    lease_until {int},
    tries {int} NOT NULL,
    last_error {text},
    created_at {int} NOT NULL,
    done_at {int}
) {strict};
CREATE INDEX effects_due ON effects (not_before, seq) WHERE status = 'pending';
CREATE INDEX effects_leased ON effects (lease_until) WHERE status = 'claimed';
CREATE INDEX effects_by_run ON effects (run, seq);

CREATE TABLE calls (
    id {text} NOT NULL PRIMARY KEY,
    run {text} NOT NULL,
    agent {text} NOT NULL,
    team {text} NOT NULL,
    project {text} NOT NULL,
    issue {text} NOT NULL,
    purpose {text} NOT NULL,
    attempt {int} NOT NULL,
    fence {int} NOT NULL,
    turn {int} NOT NULL,
    asked {text} NOT NULL,
    route {text} NOT NULL,
    rehearsal {int} NOT NULL CHECK (rehearsal IN (0, 1)),
    status {text} NOT NULL,
    reserved {int} NOT NULL CHECK (reserved >= 0),
    cost {int} NOT NULL CHECK (cost >= 0),
    input {int} NOT NULL,
    cached {int} NOT NULL,
    cache_write {int} NOT NULL,
    output {int} NOT NULL,
    reasoning {int} NOT NULL,
    http_status {int} NOT NULL,
    error {text},
    provider_id {text},
    request_blob {text},
    response_blob {text},
    started_at {int} NOT NULL,
    first_byte_at {int},
    ended_at {int},
    -- The budgets in which `reserved` was set aside, so that anyone can settle the call of a lost gateway.
    accounts {text} NOT NULL
) {strict};
CREATE INDEX calls_by_run ON calls (run, started_at, id);
CREATE INDEX calls_open ON calls (started_at) WHERE status = 'open';

CREATE TABLE budgets (
    holder {text} NOT NULL,
    window_start {int} NOT NULL,
    most {int} NOT NULL CHECK (most >= 0),
    reserved {int} NOT NULL CHECK (reserved >= 0),
    settled {int} NOT NULL CHECK (settled >= 0),
    PRIMARY KEY (holder, window_start)
) {strict};

-- How each scope stands. `epoch` is that of the order, or of the lift once lifted: the higher one wins.
CREATE TABLE containments (
    scope {text} NOT NULL PRIMARY KEY,
    epoch {int} NOT NULL,
    order_id {text} NOT NULL,
    in_force {int} NOT NULL CHECK (in_force IN (0, 1)),
    body {text} NOT NULL
) {strict};

CREATE TABLE orders (
    id {text} NOT NULL PRIMARY KEY,
    epoch {int} NOT NULL,
    scope {text} NOT NULL,
    body {text} NOT NULL,
    given_at {int} NOT NULL
) {strict};
CREATE INDEX orders_by_epoch ON orders (epoch, id);

CREATE TABLE receipts (
    order_id {text} NOT NULL,
    layer {text} NOT NULL,
    is_verified {int} NOT NULL CHECK (is_verified IN (0, 1)),
    body {text} NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (order_id, layer)
) {strict};

-- Public keys of run tokens.
CREATE TABLE keys (
    kid {text} NOT NULL PRIMARY KEY,
    public {blob} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL
) {strict};

-- What agents said and did while they worked; the newest of each run.
CREATE TABLE activity (
    seq {serial},
    run {text} NOT NULL,
    attempt {int} NOT NULL,
    at {int} NOT NULL,
    kind {text} NOT NULL,
    text {text} NOT NULL
) {strict};
CREATE INDEX activity_by_run ON activity (run, seq);

-- Who alone may do something for a while, such as be the engine of this database.
CREATE TABLE leases (
    name {text} NOT NULL PRIMARY KEY,
    holder {text} NOT NULL,
    epoch {int} NOT NULL,
    until {int} NOT NULL
) {strict};
