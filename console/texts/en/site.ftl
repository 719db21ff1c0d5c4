# Equipment, companies, health, the red button.
site-title = Equipment and vendors
site-lead = All of this is written in configuration files, and is changed there.
site-targets = Equipment
site-vendors = Vendors
site-no-targets = No equipment for you.
site-id = Technical name
site-address = Address
site-approvers = Who grants
site-group-people = { $count ->
    [0] { $group } (nobody!)
    [one] { $group } ({ $count } person)
   *[other] { $group } ({ $count } people)
 }
site-supervision = Watching
site-supervision-none = not asked for
site-supervision-offered = possible at any time
site-supervision-required = required: nothing moves while nobody watches
site-call-back = Calling the contract's number required
site-hours = Hours
site-open = open
site-closed = closed
site-until = until { $time }
site-credential = Credential of the equipment
site-credential-set = set
site-credential-missing = missing: poterne target credential
site-pinned = Fingerprint of the equipment
site-pinned-yes = pinned
site-pinned-no = not pinned yet: poterne target pin
site-exception = Old encryption, by exception
site-exception-until = until { $day }:
site-exception-over = ended on { $day }, does not hold any more:
site-second-factor = Second factor of the equipment
site-second-factor-technician = asked of the technician
site-file = File
site-withdrawn = Withdrawn: there are not enough approvers in these groups.
site-state-active = open
site-state-frozen = suspended
site-contract = Contract
site-contract-days = from { $from } to { $until }
site-contract-not-in-force = not in force today
site-contact = Contact
site-technicians = Technicians
site-networks = Declared networks
site-anywhere = From anywhere:
site-allowed = Allowed
site-terms = { $count ->
    [one] { $count } approval, { $length } at most
   *[other] { $count } approvals, { $length } at most
 }
site-freeze = Suspend this company…
site-freeze-hint = All its sessions are cut at once, its requests withdrawn, and nobody of it gets in until this is lifted.
site-freeze-button = Suspend now
site-frozen-why = Suspended: { $reason }
site-frozen = { $count ->
    [0] The company is suspended. No session was going on.
    [one] The company is suspended. One session was cut.
   *[other] The company is suspended. { $count } sessions were cut.
 }
site-thaw = Lift the suspension…
site-thaw-hint = Its technicians may ask again. No session comes back by itself.
site-thaw-button = Lift the suspension
site-thawed = The suspension is lifted.
lockdown-title = Cut all access
lockdown-lead = In an attack or in doubt, cut first and understand then.
lockdown-what-1 = { $count ->
    [0] No session can be opened any more; none is going on.
    [one] The session that is going on is cut within a second.
   *[other] The { $count } sessions that are going on are cut within a second.
 }
lockdown-what-2 = Requests that wait are withdrawn.
lockdown-what-3 = The vendors' port closes, and stays closed even after a restart.
lockdown-what-4 = Only the IT department or security can open again.
lockdown-reason = Why
lockdown-next = Continue
lockdown-sure = Cut all access now?
lockdown-sessions = { $count ->
    [0] No session is going on. Nobody will get in any more.
    [one] One session will be cut. Nobody will get in any more.
   *[other] { $count } sessions will be cut. Nobody will get in any more.
 }
lockdown-now = Cut everything now
lockdown-begun = { $count ->
    [0] All access is cut. No session was going on.
    [one] All access is cut. One session was cut.
   *[other] All access is cut. { $count } sessions were cut.
 }
lockdown-no-journal = The journal could not note it. Access stays cut all the same: tell IT.
lockdown-not-kept = Careful: after a restart this might be forgotten. Tell IT.
lockdown-on = All access is cut
lockdown-on-part = Access is cut, but for: { $groups }
lockdown-because = Reason:
lockdown-end-hint = No session and no request comes back by itself.
lockdown-end-reason = Why open again
lockdown-end-button = Open access again
lockdown-end-who = Only the IT department or security can open again.
lockdown-not-ended = All access stays cut: the cut could not be removed from the disk, or somebody asked for it again meanwhile. Try again; if it happens again, tell the IT department.
lockdown-ended = Access is open again.
health-title = State of the machine
health-what = What
health-standing = Good or bad
health-says = How it is
health-to-do = To do:
health-good = good
health-bad = bad
health-unknown = unknown
health-all-good = All that Poterne can know is well.
health-some-bad = { $count ->
    [one] One thing is not well.
   *[other] { $count } things are not well.
 }
health-confined = Walls
health-confined-all = The program shut itself in: paths, ports and calls.
health-confined-paths = The program shut itself in: paths and calls. Ports are the firewall's on this kernel.
health-confined-calls = Calls are filtered. This kernel cannot confine paths and ports.
health-confined-open = The program is not shut in.
health-confined-not = The program did not shut itself in; the demo does not.
health-confined-do = start it by its unit, on a kernel with Landlock.
health-clock = Clock
health-clock-good = The time is trusted.
health-clock-bad = The time is not trusted: nobody is admitted until it is.
health-clock-do = check how the machine keeps its time (timedatectl).
health-journal = Journal
health-journal-says = { $size } signed entries, the last of { $last }.
health-journal-gone = The journal takes no more entries. All sessions were cut, and nothing opens.
health-journal-gone-do = look at the disk and at the service's messages, then restart it.
health-journal-silent-do = an entry is made at least every hour, and the last is older: look at the service's messages.
health-state = Disk of Poterne
health-recordings-room = Disk of the recordings
health-room-says = { $free } free of { $total }.
health-room-unknown = The disk does not say its room.
health-room-unknown-do = look at the disk on the machine (df).
health-room-do = make room before the disk is full: without room nothing is recorded, and nothing opens.
health-recorder = Recordings
health-recorder-says = { $count ->
    [0] No recording to seal. Last sealed session: { $last }.
    [one] { $count } recording to seal. Last sealed session: { $last }.
   *[other] { $count } recordings to seal. Last sealed session: { $last }.
 }
health-recorder-none-yet = none yet
health-recorder-do = sealing does not go on: look at the disk and at the service's messages.
health-recorder-damaged = { $count ->
    [one] { $count } recording is mutilated.
   *[other] { $count } recordings are mutilated.
 }
health-recorder-damaged-do = what the journal had noted is missing there: tell security, and leave the machine as it is.
health-door = Vendors' port
health-door-lockdown = Closed: all access is cut.
health-door-always = Open: the configuration wants it open always.
health-door-due = Open: it is somebody's hours, or something is planned.
health-door-not-due = Closed: nobody could come in at this hour.
health-door-fault = It ought to be open, and is not.
health-door-next = May change on { $time }.
health-door-do = the address is taken or not there: look at the service's messages and at ssh.listen.
health-certificate = Certificate of this console
health-certificate-none = The console has no certificate.
health-certificate-own = Made by Poterne itself, for { $names }, good until { $until }. Granting is possible on Poterne's own machine only.
health-certificate-own-do = ask your authority for a certificate, and write it into console.certificate and console.key.
health-certificate-says = The configured one, for { $names }, good until { $until }.
health-certificate-do = renew the certificate and put it in the place of the old one.
health-approvers = Approvers
health-approvers-good = Every piece of equipment has enough approvers.
health-approvers-bad = Not enough approvers for: { $targets }. Nobody gets in there.
health-approvers-do = invite approvers into their groups.
health-exceptions = Old encryption
health-exceptions-none = No equipment is reached by an exception.
health-exceptions-in-force = By exception, until the day named: { $targets }.
health-exceptions-over = Over, and not in force any more: { $targets }.
health-exceptions-do = renew the equipment, or judge the exception anew in its file.
health-channel = Notices: { $name }
health-channel-says = { $count ->
    [0] Nothing waits. Last delivery: { $last }.
    [one] { $count } message waits. Last delivery: { $last }.
   *[other] { $count } messages wait. Last delivery: { $last }.
 }
health-channel-never = none yet
health-channel-error = Last failure: { $message }
health-channel-do = check the channel's address and password in the configuration, then poterne notify test.
health-anchor = Anchored outside: { $name }
health-anchor-says = Last checkpoint that left: { $last }, over { $size } entries.
health-anchor-never = none yet
health-anchor-do = look at poterne journal anchors, and docs/operations/anchors.md.
health-anchors = Anchored outside
health-anchors-none = No checkpoint leaves this machine by itself: whoever puts all of it back to an earlier state would not be found.
health-anchors-none-do = write [anchors] in the configuration (docs/operations/anchors.md).
health-lack = What the bastion lacks
health-lack-clock = The clock was set: nothing new opens ({ $why }).
health-lack-clock-do = put the clock right, then restart the bastion.
health-lack-room = The disk is nearly full: nothing new opens ({ $why }).
health-lack-room-do = make room on the disk; then it goes on by itself.
health-lack-descriptors = No file descriptors are left: new connections are closed at once ({ $why }).
health-lack-descriptors-do = see what holds them (poterne session list), then the service's limit LimitNOFILE.
health-missing = Missing entries of the journal
health-missing-says = { $remembered } entries are known elsewhere ({ $by }), and { $here } were here. Nothing opens; persons who have still to accept it: { $count }.
health-missing-do = find out what happened (docs/operations/restore.md), then poterne journal accept-rollback.
health-scanner = Scanner of files
health-scanner-says = { $version } answers; its signatures are of { $day }.
health-scanner-undated = { $version } answers, and does not say how old its signatures are.
health-scanner-fault = It cannot be asked, so no file that has to be scanned is delivered: { $message }.
health-scanner-fault-do = look at clamd on its machine, and at docs/operations/scan-files.md.
health-scanner-old-do = see whether freshclam fetches new signatures.
health-backup = Last backup
health-backup-says = A backup was made on { $last }.
health-backup-never = No backup was made with Poterne.
health-backup-do = poterne backup create and then poterne backup verify, each night, and the copies elsewhere (docs/operations/restore.md).
health-retention = Erasing after the terms
health-retention-says = Last erased on { $last }.
health-retention-never = Nothing was erased yet.
health-retention-do = poterne retention plan says what is erased when, and what stops it (docs/operations/retention.md).
health-proof = To verify from elsewhere
health-proof-hint = Keep these values away from this machine: they prove later that nothing was changed.
health-version = Version
health-journal-key = Public key of the journal
health-fingerprint = Fingerprint of the certificate
health-checkpoint = Newest signed checkpoint
