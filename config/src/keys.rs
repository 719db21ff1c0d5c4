//! Every key there is: the loader takes the defaults from this table, and the man page,
//! `docs/configuration.md`, `poterne config show` and the tests come from it.

use std::fmt::Write as _;

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its path; `*` stands for a name, `[]` for each entry of a list.
    pub path: &'static str,
    /// What is written there.
    pub form: &'static str,
    /// What holds if it is not written, as it would be written; a bare word where what then holds
    /// cannot be written. `None`: the key must be written.
    pub default: Option<&'static str>,
    /// What is allowed.
    pub range: &'static str,
    /// Why it is there.
    pub reason: &'static str,
}

const fn key(
    path: &'static str,
    form: &'static str,
    default: Option<&'static str>,
    range: &'static str,
    reason: &'static str,
) -> Key {
    Key { path, form, default, range, reason }
}

/// Every key, in the order of the files.
pub const KEYS: &[Key] = &[
    key(
        "site.name",
        "text",
        None,
        "1 to 80 characters",
        "The hospital's name, as technicians read it before they log in.",
    ),
    key("site.timezone", "text", None, "an IANA zone", "All hours and days are those of this zone (TIM-06)."),
    key("site.language", "text", Some("\"fr\""), "fr, en", "What is spoken before anybody is known (HRD-13)."),
    key("site.state", "path", Some("\"/var/lib/poterne\""), "absolute", "Journal, recordings and vault live below it."),
    key(
        "site.reserve",
        "bytes",
        Some("\"64 MiB\""),
        "1 MiB to 4 GiB",
        "Laid by on the disk, so that what is open can be closed when it is full; with less than four times as much free, nothing new opens (REC-02).",
    ),
    key(
        "site.four-eyes",
        "true or false",
        Some("false"),
        "true, false",
        "A reload that weakens a rule waits until a second person, of security, accepts it (T8).",
    ),
    key(
        "site.command-line",
        "text",
        Some("\"open\""),
        "open, sealed",
        "\"sealed\": whoever approves, plans or extends at the command line needs a code of the sealed envelope (T16).",
    ),
    key("ssh.listen", "list of address:port", Some("[\"0.0.0.0:22\"]"), "at least one", "Where vendors connect."),
    key(
        "ssh.open",
        "text",
        Some("\"hours\""),
        "hours, armed, always",
        "When that port is open at all (TIM-01, LIF-01).",
    ),
    key(
        "ssh.legacy-clients",
        "true or false",
        Some("false"),
        "true, false",
        "Offer nistp256 and MACs beside the cipher text to old clients too; lowers the front door.",
    ),
    key(
        "ssh.name",
        "text",
        Some("\"\""),
        "a host name or address",
        "How vendors reach the bastion; stands in invitations (D8).",
    ),
    key(
        "ssh.help",
        "text",
        Some("\"\""),
        "at most 70 ASCII characters",
        "Address or number shown to whoever is refused.",
    ),
    key(
        "ssh.proxied",
        "list of address:port",
        Some("[]"),
        "addresses of `ssh.listen`; with proxies",
        "There each connection begins with a PROXY header of version 2, and none comes in without (T24).",
    ),
    key(
        "ssh.proxies",
        "list of networks",
        Some("[]"),
        "an address or a network; with proxied",
        "Who may pass connections on there.",
    ),
    key("ssh.pending", "number", Some("200"), "1 to 10000", "Connections that may be in the lobby at once (HRD-12)."),
    key(
        "ssh.channels",
        "number",
        Some("10"),
        "1 to 64",
        "Channels of one connection; each has a full window of memory.",
    ),
    key("ssh.forwards", "number", Some("8"), "1 to 64", "Tunnels of one session at a time; each is a channel besides."),
    key(
        "limits.connections",
        "number",
        Some("1000"),
        "10 to 20000",
        "Connections at the vendors' port, sessions included (HRD-12).",
    ),
    key(
        "limits.connections-per-source",
        "number",
        Some("100"),
        "2 to 20000, at most `connections`",
        "Of those, from one source: an IPv4 address, or an IPv6 network.",
    ),
    key(
        "limits.connections-per-proxy",
        "number",
        Some("500"),
        "10 to 20000, at most `connections`",
        "Of those, over one of `ssh.proxies` (T24).",
    ),
    key("limits.handshakes", "number", Some("200"), "10 to 10000", "Connections whose key exchange is not over."),
    key(
        "limits.handshakes-per-source",
        "number",
        Some("50"),
        "2 to 10000, at most `handshakes`",
        "Of those, from one source.",
    ),
    key("limits.handshake-time", "duration", Some("\"20s\""), "5s to 60s", "How long a key exchange may take."),
    key(
        "limits.lobby-per-source",
        "number",
        Some("100"),
        "2 to 10000",
        "Connections of one source in the lobby; never more than half of `ssh.pending` (IDM-09).",
    ),
    key(
        "limits.login-time",
        "duration",
        Some("\"60s\""),
        "30s to 2m",
        "From the first byte until both factors are proven (D2).",
    ),
    key(
        "limits.tries-per-connection",
        "number",
        Some("20"),
        "6 to 100",
        "Tries of one connection, over all methods together.",
    ),
    key(
        "limits.requests-per-second",
        "number",
        Some("100"),
        "10 to 1000",
        "Requests of one session's connection; four seconds' worth may come at once.",
    ),
    key(
        "limits.interventions",
        "number",
        Some("50"),
        "1 to 1000",
        "Requests that wait for the hospital; of one technician it is one (T19).",
    ),
    key(
        "limits.interventions-per-vendor",
        "number",
        Some("10"),
        "1 to 1000, at most `interventions`",
        "Of those, of one vendor.",
    ),
    key("limits.watchers", "number", Some("8"), "1 to 64", "Watchers of one session."),
    key(
        "limits.console-connections",
        "number",
        Some("256"),
        "16 to 10000",
        "Connections to the console; taken at the next start.",
    ),
    key(
        "limits.console-connections-per-source",
        "number",
        Some("32"),
        "8 to 10000, at most `console-connections`",
        "Of those, from one source: a ward may come by one proxy.",
    ),
    key(
        "limits.console-sign-ins",
        "number",
        Some("16"),
        "2 to 256",
        "Sign-ins at the console that are judged at the same time.",
    ),
    key(
        "limits.console-sign-ins-per-source",
        "number",
        Some("60"),
        "5 to 1000",
        "Failed sign-ins from one source within ten minutes.",
    ),
    key(
        "limits.console-sign-ins-per-login",
        "number",
        Some("10"),
        "3 to 100",
        "Failed sign-ins with one login from one source within ten minutes.",
    ),
    key(
        "limits.penalty-from",
        "duration",
        Some("\"15s\""),
        "5s to 10m",
        "A source with so much penalty is penalised (IDM-09).",
    ),
    key("limits.penalty-most", "duration", Some("\"10m\""), "1m to 24h", "More than this no source is given."),
    key(
        "limits.penalty-delay",
        "duration",
        Some("\"2s\""),
        "0s to 5s",
        "How much longer a penalised source waits for each verdict.",
    ),
    key(
        "limits.penalised-sources",
        "number",
        Some("4096"),
        "64 to 65536",
        "Sources whose penalties are remembered; the lightest makes room.",
    ),
    key("limits.ipv6-prefix", "number", Some("64"), "32 to 128", "Bits of an IPv6 address that make a source."),
    key(
        "console.listen",
        "address:port",
        None,
        "not an address of ssh.listen, not 0.0.0.0 or ::",
        "Where staff connect; never on the vendors' side (NET-13).",
    ),
    key(
        "console.certificate",
        "path",
        Some("self-signed"),
        "absolute, a file; with key",
        "The console's certificate; without one it makes its own.",
    ),
    key(
        "console.key",
        "path",
        Some("self-signed"),
        "absolute, a file of mode 0600; with certificate",
        "The certificate's key.",
    ),
    key(
        "console.address",
        "https address",
        Some("by-listen"),
        "https://host or https://host:port, no path",
        "How staff's browsers reach the console; notifications link to it.",
    ),
    key(
        "calendars.*.holidays",
        "text",
        Some("\"FR\""),
        "FR, FR-Alsace-Moselle, FR-GP, FR-MQ, FR-GF, FR-RE, FR-YT, FR-MF, FR-BL, none",
        "Legal holidays close (TIM-03, TIM-04).",
    ),
    key(
        "calendars.*.good-friday",
        "true or false",
        Some("false"),
        "only with FR-Alsace-Moselle",
        "The commune has a Protestant temple or a mixed church (L3134-13).",
    ),
    key(
        "calendars.*.pentecost-monday",
        "text",
        Some("\"holiday\""),
        "holiday, worked",
        "Whether Whit Monday is a worked day (TIM-05).",
    ),
    key("calendars.*.hours[].days", "text", None, "mon-fri, sat, mon,wed …", "The days of the week."),
    key("calendars.*.hours[].from", "time", None, "00:00 to 23:59", "Open from this minute on, by the wall clock."),
    key("calendars.*.hours[].to", "time", None, "after from, at most 24:00", "Closed from this minute on."),
    key(
        "calendars.*.closed",
        "list of days or ranges",
        Some("[]"),
        "2026-12-24 or 2026-12-24/2026-12-26",
        "Closures, both ends included.",
    ),
    key(
        "calendars.*.extra[].day",
        "day",
        None,
        "2026-05-01",
        "A day with extra hours, although closed by week or holiday.",
    ),
    key("calendars.*.extra[].from", "time", None, "00:00 to 23:59", "Open from this minute on."),
    key("calendars.*.extra[].to", "time", None, "after from, at most 24:00", "Closed from this minute on."),
    key("groups.*.name", "text", None, "1 to 80 characters", "The group's name as staff know it."),
    key("groups.*.on-call", "calendar", Some("none"), "a calendar", "Who answers out of hours."),
    key(
        "groups.*.mail",
        "list of addresses",
        Some("[]"),
        "ASCII, with a domain",
        "Mailed besides the group's approvers: a secretariat, a ward's mailbox.",
    ),
    key(
        "recordings.recipients",
        "list of age keys",
        None,
        "at least one, age1…",
        "Who can open recordings: the security officers (REC-07).",
    ),
    key(
        "recordings.reading",
        "text",
        Some("\"one-person\""),
        "one-person, two-persons",
        "With two-persons it takes a key of `recipients` and one of `second-recipients` together (REC-07).",
    ),
    key(
        "recordings.second-recipients",
        "list of age keys",
        Some("[]"),
        "age1…, none of `recipients`",
        "The second persons, such as auditors; with `reading = \"two-persons\"` alone, and then at least one.",
    ),
    key(
        "recordings.record-limit",
        "bytes",
        Some("\"1 GiB\""),
        "at least 1 MiB",
        "How much of one exec stream is kept; the rest is hashed, and says so.",
    ),
    key(
        "recordings.session-quota",
        "bytes",
        Some("\"20 GiB\""),
        "at least 16 MiB",
        "How much one session may record before it is frozen (D25).",
    ),
    key(
        "recordings.replay-key",
        "path",
        Some("none"),
        "absolute, a file of mode 0600 that `age -p` made",
        "An officer's key with a passphrase, to replay in the browser; without it that is off (D23).",
    ),
    key(
        "supervision.freeze-after",
        "duration",
        Some("\"5s\""),
        "1s to 60s",
        "An unwatched session under required supervision freezes (APR-03).",
    ),
    key("supervision.end-after", "duration", Some("\"5m\""), "10s to 1h, longer than freeze-after", "And then ends."),
    key(
        "supervision.challenge",
        "duration",
        Some("\"10m\""),
        "10s to 1h",
        "About so often a watcher types what is shown, at times nobody foresees (APR-04).",
    ),
    key(
        "retention.journal",
        "months",
        Some("\"12 months\""),
        "6 to 12 months; to 36 with `because`",
        "How long names stay readable in the journal (LOG-07).",
    ),
    key(
        "retention.recordings",
        "months",
        Some("\"6 months\""),
        "1 to 12 months; to 36 with `because`",
        "How long recordings are kept (PRV-04).",
    ),
    key(
        "retention.files",
        "months",
        Some("\"1 month\""),
        "1 to 12 months; to 36 with `because`",
        "How long copies of files are kept, where a target says `kept`.",
    ),
    key("retention.because", "text", Some("none"), "1 to 200 characters", "Why longer than 12 months."),
    key(
        "notify.webhooks.*.url",
        "address",
        None,
        "https://…; http:// to 127.0.0.1 or [::1] alone",
        "Where notifications are posted (APR-10).",
    ),
    key(
        "notify.webhooks.*.events",
        "list",
        Some("all"),
        "request, approval, arrival, emergency, unwatched, alert, lockdown, evidence, escalation",
        "What is told there.",
    ),
    key(
        "notify.webhooks.*.key-file",
        "path",
        None,
        "absolute, a file of mode 0600, at least 32 characters",
        "The key that signs what is posted, so that the receiver knows who speaks.",
    ),
    key(
        "notify.webhooks.*.groups",
        "list of groups",
        Some("all"),
        "groups",
        "Tell only of targets that one of these approves for.",
    ),
    key("notify.mail.server", "host:port", None, "a name or an address", "The hospital's mail server."),
    key(
        "notify.mail.tls",
        "text",
        Some("\"starttls\""),
        "implicit, starttls; none to 127.0.0.1 or [::1] alone",
        "How the way to it is encrypted; the certificate is always checked.",
    ),
    key("notify.mail.user", "text", Some("none"), "with password-file", "The login on it."),
    key("notify.mail.password-file", "path", Some("none"), "absolute, a file of mode 0600; with user", "Its password."),
    key("notify.mail.from", "address", None, "ASCII, with a domain", "The sender of what is mailed."),
    key(
        "notify.second-mail.server",
        "host:port",
        None,
        "a name or an address",
        "Another mail server, outside the hospital's own: what alerts goes by both (LOG-16).",
    ),
    key(
        "notify.second-mail.tls",
        "text",
        Some("\"starttls\""),
        "implicit, starttls; none to 127.0.0.1 or [::1] alone",
        "How the way to it is encrypted; the certificate is always checked.",
    ),
    key("notify.second-mail.user", "text", Some("none"), "with password-file", "The login on it."),
    key(
        "notify.second-mail.password-file",
        "path",
        Some("none"),
        "absolute, a file of mode 0600; with user",
        "Its password.",
    ),
    key("notify.second-mail.from", "address", None, "ASCII, with a domain", "The sender of what is mailed there."),
    key("siem.*.server", "host:port", None, "a name or an address", "Where the journal is forwarded to (LOG-05)."),
    key(
        "siem.*.ca-file",
        "path",
        None,
        "absolute, a PEM file",
        "The authorities of which one must have signed the receiver's certificate.",
    ),
    key(
        "siem.*.certificate",
        "path",
        Some("none"),
        "absolute, a PEM file; with key",
        "Shown to a receiver that asks who sends.",
    ),
    key(
        "siem.*.key",
        "path",
        Some("none"),
        "absolute, a file of mode 0600; with certificate",
        "The certificate's key.",
    ),
    key(
        "siem.*.format",
        "text",
        Some("\"rfc5424\""),
        "rfc5424, cef, ocsf, json",
        "How entries are written for it (LOG-14).",
    ),
    key(
        "siem.*.facility",
        "text",
        Some("\"authpriv\""),
        "daemon, auth, authpriv, audit, local0 to local7",
        "The syslog facility.",
    ),
    key(
        "siem.*.alarm-after",
        "duration",
        Some("\"15m\""),
        "1m to 48h",
        "An entry that waits for so long raises an alarm (LOG-10).",
    ),
    key(
        "alarms.leak-window",
        "duration",
        Some("\"24h\""),
        "10m to 168h",
        "Tries on several accounts of a vendor from one source within so long are taken for a leak (IDM-13).",
    ),
    key(
        "alarms.escalate-after",
        "duration",
        Some("\"15m\""),
        "1m to 24h",
        "An alert that nobody took for so long goes on to others, and again after twice, four times and eight times as long (LOG-16).",
    ),
    key(
        "alarms.on-call",
        "list of groups",
        Some("[]"),
        "groups",
        "Whose members hear it then: those of them that are on call at that instant; empty: any group with an `on-call` calendar.",
    ),
    key(
        "alarms.syslog",
        "path",
        Some("none"),
        "absolute: /dev/log",
        "Each alert, and each that goes on to others, is one line to the local syslog too.",
    ),
    key(
        "anchors.every",
        "duration",
        Some("\"10m\""),
        "5s to 24h",
        "So often the journal's newest checkpoint is given out by each way (LOG-04).",
    ),
    key(
        "anchors.at-most",
        "duration",
        Some("\"6h\""),
        "10s to 168h, longer than every",
        "A way whose last success is older is alerted.",
    ),
    key(
        "anchors.file",
        "path",
        Some("none"),
        "absolute, on another machine's disk",
        "Checkpoints are appended there, and asked for at each start (D17).",
    ),
    key(
        "anchors.syslog",
        "path",
        Some("none"),
        "absolute: /dev/log",
        "Each checkpoint is one line to the local syslog.",
    ),
    key(
        "anchors.timestamp",
        "address",
        Some("none"),
        "https://… or http://…",
        "An authority of RFC 3161 that stamps each checkpoint given out: proof of time beyond the bastion's clock (EVI-07).",
    ),
    key(
        "anchors.witnesses.*.url",
        "address",
        None,
        "https://…; http:// to 127.0.0.1 or [::1] alone",
        "A witness that speaks C2SP tlog-witness: it signs only what continues what it signed before.",
    ),
    key(
        "anchors.witnesses.*.key",
        "witness's key",
        None,
        "name+hash+base64, for cosignature/v1",
        "Its cosignatures are checked with it.",
    ),
    key(
        "backup.recipients",
        "list of age keys",
        Some("[]"),
        "age1…",
        "Who can open a backup; their secret keys are never on this machine.",
    ),
    key(
        "clamav.socket",
        "path or address:port",
        Some("\"/run/clamav/clamd.ctl\""),
        "absolute, or numbers",
        "Where clamd listens; it is asked for targets with `scan`, and without its answer nothing is delivered.",
    ),
    key(
        "clamav.limit",
        "bytes",
        Some("\"100 MiB\""),
        "at least 1 MiB, at most clamd's StreamMaxLength",
        "Largest file that is scanned; a larger one is not delivered.",
    ),
    key("clamav.patience", "duration", Some("\"2m\""), "5s to 1h", "How long clamd may take for one file."),
    key("vendor.*.name", "text", None, "1 to 80 characters", "The company's name in the register."),
    key("vendor.*.contract.reference", "text", None, "1 to 80 characters", "The contract's reference (NET-01)."),
    key("vendor.*.contract.from", "day", None, "2026-01-01", "Its first day."),
    key("vendor.*.contract.until", "day", None, "2026-12-31", "Its last day, included (LIF-03)."),
    key("vendor.*.contact.name", "text", None, "1 to 80 characters", "Who answers."),
    key("vendor.*.contact.phone", "text", None, "at least 8 digits", "The number that approvers call back (D6)."),
    key(
        "vendor.*.contact.email",
        "text",
        None,
        "ASCII, with a domain",
        "Where receipts go; nobody of its domain approves (APR-02).",
    ),
    key(
        "vendor.*.sources",
        "list of networks, or \"any\"",
        None,
        "\"any\" stands alone and needs `because`",
        "Where its technicians come from (NET-08).",
    ),
    key("vendor.*.because", "text", Some("none"), "1 to 200 characters", "Why no list of networks is kept."),
    key("vendor.*.calendar", "calendar", None, "a calendar", "When its technicians may come."),
    key("vendor.*.language", "text", Some("\"fr\""), "fr, en", "What its technicians read."),
    key(
        "vendor.*.factors",
        "list",
        None,
        "password and totp, with or without key",
        "Never fewer than two (IDM-03); without key: phishable.",
    ),
    key("vendor.*.allow[].targets", "list of targets", None, "at least one", "What the rule opens."),
    key(
        "vendor.*.allow[].accounts",
        "list of logins",
        Some("[]"),
        "letters, digits, `.`, `_`, `-`",
        "Logins on them other than each target's own.",
    ),
    key(
        "vendor.*.allow[].rights",
        "list of rights",
        None,
        "shell, exec, sftp-read, sftp-write, scp-read, scp-write; may be left out beside `forward`",
        "What may be done (NET-04).",
    ),
    key(
        "vendor.*.allow[].commands",
        "list of command lines",
        Some("[]"),
        "1 to 400 characters, one line; with the right exec",
        "exec then means these commands, letter by letter, and no other.",
    ),
    key(
        "vendor.*.allow[].forward",
        "list of address:port",
        Some("[]"),
        "numbers, no name; not a target's SSH port, not the bastion",
        "Tunnels that may be opened; their content is not seen (T23).",
    ),
    key("vendor.*.allow[].approval.quorum", "number", Some("1"), "1 to 5", "How many different approvers (APR-09)."),
    key(
        "vendor.*.allow[].approval.per",
        "text",
        Some("\"session\""),
        "session, intervention",
        "What one approval is good for (D9): one connection, and a further one is a new request once the first is over; or the whole intervention, which further connections of the same technician join with its code, at most four together.",
    ),
    key("vendor.*.allow[].longest", "duration", Some("\"2h\""), "1m to 24h", "How long at most (TIM-08)."),
    key("vendor.*.forbid[].targets", "list of targets", None, "at least one", "What is forbidden whatever is allowed."),
    key(
        "vendor.*.forbid[].days",
        "day or range",
        Some("always"),
        "2026-12-24 or 2026-12-24/2026-12-26",
        "On which days; without it, always.",
    ),
    key("vendor.*.forbid[].because", "text", None, "1 to 200 characters", "Why, as the technician reads it."),
    key("target.*.name", "text", None, "1 to 80 characters", "The equipment's name in the hospital's words."),
    key(
        "target.*.address",
        "address:port",
        None,
        "numbers, no name",
        "Where it is; no name is ever resolved (NET-07).",
    ),
    key(
        "target.*.host-key",
        "text",
        None,
        "an OpenSSH public key",
        "Its pinned key; `poterne target pin` writes it (NET-06).",
    ),
    key("target.*.account", "text", None, "letters, digits, `.`, `_`, `-`", "The login on it (IDM-20)."),
    key("target.*.approvers", "list of groups", None, "at least one", "Who may say yes."),
    key(
        "target.*.supervision",
        "text",
        Some("\"offered\""),
        "none, offered, required",
        "Whether somebody must watch (APR-03).",
    ),
    key("target.*.calendar", "calendar", Some("none"), "a calendar", "Hours narrower than the vendor's."),
    key(
        "target.*.verified",
        "text",
        Some("\"any\""),
        "any, called",
        "\"called\": approvers must call the contract's number (D6).",
    ),
    key(
        "target.*.scan",
        "text",
        Some("\"none\""),
        "none, clamav; clamav with `[clamav]`",
        "Files for it are held until a scanner has answered.",
    ),
    key("target.*.scan-downloads", "true or false", Some("false"), "true only with scan", "Files from it as well."),
    key(
        "target.*.files",
        "text",
        Some("\"listed\""),
        "listed, kept",
        "Whether the recording has a copy of each file, besides its size and digest.",
    ),
    key(
        "target.*.tunnels",
        "text",
        Some("\"listed\""),
        "listed, kept",
        "Whether the recording has what passed through tunnels, besides its amount and digest.",
    ),
    key(
        "target.*.second-factor",
        "text",
        Some("\"none\""),
        "none, technician",
        "\"technician\": what the equipment asks besides the vault's secret is put to the technician (T21).",
    ),
    key(
        "target.*.legacy.algorithms",
        "list of names",
        Some("[]"),
        "ecdh-sha2-nistp256, diffie-hellman-group14-sha256, diffie-hellman-group14-sha1, diffie-hellman-group1-sha1, \
         ssh-rsa, aes128-ctr, aes192-ctr, aes256-cbc, aes192-cbc, aes128-cbc, 3des-cbc, hmac-sha1",
        "Offered to this target alone, after all modern ones; with `because` and `until` (HRD-04).",
    ),
    key("target.*.legacy.because", "text", Some("none"), "1 to 200 characters", "Why this equipment cannot do better."),
    key(
        "target.*.legacy.until",
        "day",
        Some("none"),
        "at most 24 months ahead",
        "The exception's last day; after it the exception does not hold.",
    ),
    key("target.*.idle", "duration", Some("\"30m\""), "1m to 8h", "Ended when nothing moves for so long (NET-18)."),
];

/// Whether a section of the files has this name.
pub(crate) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| section(key.path) == name)
}

fn section(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Whether a key, or a table of keys, has this path.
pub(crate) fn is_known(path: &str) -> bool {
    KEYS.iter().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    })
}

/// The table in which a key of this name stands: one above `pattern`, or the only one there is.
pub(crate) fn home(pattern: &str, name: &str) -> Option<&'static str> {
    let homes = || KEYS.iter().filter_map(|key| key.path.rsplit_once('.').filter(|(_, last)| *last == name));
    let above =
        homes().map(|(home, _)| home).find(|home| pattern.strip_prefix(home).is_some_and(|rest| rest.starts_with('.')));
    let home = homes().next()?.0;
    above.or_else(|| homes().all(|(other, _)| other == home).then_some(home))
}

/// The keys as Markdown, one table a section: what `docs/configuration.md` and the man page hold.
pub fn man_table() -> String {
    let mut page = String::new();
    let mut before = "";
    for key in KEYS {
        let section = section(key.path);
        if section != before {
            let gap = if before.is_empty() { "" } else { "\n" };
            let _ = writeln!(page, "{gap}### {section}\n");
            let _ = writeln!(page, "| key | what | if not written | allowed | why |");
            let _ = writeln!(page, "|---|---|---|---|---|");
            before = section;
        }
        let default = match key.default {
            None => "**must be written**".to_owned(),
            Some(word) if bare(word) => word.to_owned(),
            Some(literal) => format!("`{literal}`"),
        };
        let _ = writeln!(page, "| `{}` | {} | {default} | {} | {} |", key.path, key.form, key.range, key.reason);
    }
    page
}

/// A default that cannot be written: it stands for nothing, or for what then holds.
fn bare(default: &str) -> bool {
    default.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(default, "true" | "false")
}
