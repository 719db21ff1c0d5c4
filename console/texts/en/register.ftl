# The register.
register-title = Register
register-filters = Choose from the register
register-technician = Technician
register-company = Company
register-equipment = Equipment
register-from = From
register-until = Until
register-state = State
register-emergency = Emergency
register-all = all
register-all-states = all
register-emergency-any = with or without
register-emergency-only = emergencies only
register-emergency-none = without emergencies
register-emergency-unreviewed = emergencies to review
register-emergency-mark = emergency
register-show = Show
register-clear = The whole register
register-wrong = One of the choices cannot be read: correct it above. Nothing is shown until then.
register-wrong-day = Write a day that exists, such as 2026-03-31.
register-wrong-period = This day is before the first one: swap them.
register-wrong-choice = Choose from the list.
register-wrong-name = Write 100 characters at most.
register-none = Nothing to show: nobody has asked for any equipment that is yours to see yet.
register-none-found = No intervention matches these choices.
register-count = { $count ->
    [one] { $count } intervention
   *[other] { $count } interventions
 }
register-export = Export (CSV)
register-export-cut = There are more than 100,000: the exported file stops there. Choose a shorter period.
register-number = Number
register-when = When
register-who = Who
register-length = How long
register-approved-by = Approved by
register-watched = Watched
register-watched-yes = yes
register-watched-gaps = with gaps
register-watched-no = no
register-wants-review = to be reviewed
register-at-least = at least
register-open = open its page
register-pages = Pages of the register
register-page = Page { $page } of { $pages }
register-newer = Newer
register-older = Older
# The exported register.
csv-file = register
csv-kind = Kind
csv-kind-asked = asked for by the technician
csv-kind-planned = planned
csv-kind-emergency = emergency
csv-requested = Asked for at
csv-started = Started at
csv-ended = Ended at
csv-seconds = Length in seconds
csv-at-least = Least length, end not seen
csv-name = Name
csv-technician = Login
csv-vendor = Company
csv-vendor-id = Id of the company
csv-target = Equipment
csv-target-id = Id of the equipment
csv-source = From the address
csv-reason = Reason
csv-ticket = Ticket
csv-cause = End
csv-review = Review
csv-review-missing = to be done
csv-review-none = not to be done
csv-when = When
csv-cut = Cut here: there were more than { $most } lines. Choose a shorter period.
# The page of an intervention.
dossier-title = Intervention { $number }
dossier-who = Who
dossier-what = What
dossier-window = Planned
dossier-from-until = from { $from } until { $until }
dossier-asked = Asked for
dossier-granted = Granted
dossier-granted-all = all that was asked for
dossier-no-session = no session
dossier-watch-required = somebody had to watch
dossier-course = Course
dossier-wrong-codes = { $count ->
    [one] One wrong code was typed.
   *[other] { $count } wrong codes were typed.
 }
dossier-review = Review of the emergency
dossier-reviewed-by = Reviewed by { $staff }:
dossier-wants-review = This emergency waits to be reviewed by somebody who did not approve it.
dossier-review-later = It is to be reviewed once it is over.
dossier-replay = Replay the recording
dossier-session = Session
dossier-session-short = (session { $number })
dossier-session-number = Session { $number }
dossier-more-sessions = { $count ->
    [one] One more session is not shown here; it is in the journal.
   *[other] { $count } more sessions are not shown here; they are in the journal.
 }
dossier-started = Start
dossier-ended = End
dossier-until = At the latest until
dossier-cut-by = cut by { $staff }: { $reason }
dossier-bytes = Exchanged
dossier-bytes-both = { $in } to the equipment, { $out } from the equipment
dossier-legacy = Old encryption used
dossier-legacy-until = by exception until { $day }:
dossier-unreached = The equipment was not reached
dossier-watching = Who watched, and when nobody did
dossier-bar = Watched: { $watched }. Unwatched: { $unwatched }. Frozen: { $frozen }.
dossier-legend-watched = watched: { $length }
dossier-legend-unwatched = unwatched: { $length }
dossier-legend-frozen = frozen, nothing moved: { $length }
dossier-gaps = Unwatched or frozen
dossier-kind = Kind
dossier-kind-frozen = frozen
dossier-kind-unwatched = unwatched
dossier-from = From
dossier-to = To
dossier-why = Why
dossier-person = Person
dossier-watchers = Who watched
dossier-nobody = Nobody watched.
dossier-not-counted = without counting as present
dossier-watch-left = left
dossier-watch-silent = stopped answering
dossier-watch-challenge = did not answer when asked
dossier-watch-rights = had no right to any more
dossier-watch-over = end of the session
dossier-still = still
dossier-freezes = Freezes
dossier-resumed-by = let go on by { $staff }
dossier-channels = What was opened
dossier-what-ran = What
dossier-exit = exit status { $status }
dossier-refused = Refused during the session
dossier-refused-counts = In all:
dossier-recording = Recording
dossier-proofs = Proofs
dossier-proofs-hint = These digests stand in the journal. With them anybody can check that the recording did not change, without trusting Poterne.
dossier-session-id = Session
dossier-manifest = Digest of the manifest (SHA-256)
dossier-size = Size
dossier-head = Last link of the chain
dossier-head-length = Length up to there
dossier-recipients = Keys that open it
dossier-readings = Who opened it
dossier-not-read = Nobody has opened it with Poterne yet.
dossier-more = { $count ->
    [one] One more is not shown here; it is in the journal.
   *[other] { $count } more are not shown here; they are in the journal.
 }
recording-whole = Whole, from the beginning to the end.
recording-interrupted = Interrupted: Poterne stopped dead during the session. Whole up to the last picture that was shown.
recording-mutilated = Mutilated: it is not what the journal announces. Keep everything, repair nothing, tell the security officer.
recording-erased = Erased at its term: nobody opens it any more. The journal proves that it was there.
recording-missing = { $size } is missing.
recording-sealing = The recording is being sealed. Come back in a moment.
recording-running = The session is still running, and is recorded. It can be replayed once it is over.
# The course.
course-prepared = Prepared: the technician has their code
course-planned = Planned by the hospital
course-submitted = Sent to the approvers
course-approved = Approved by { $staff }, who { $how }
course-session = Session opened { $id }
course-session-ended = Session { $id } closed: { $cause }
course-warned = { $count ->
    [one] Told of the end { $count } minute before
   *[other] Told of the end { $count } minutes before
 }
course-refused = Refused by { $staff }: { $reason }
course-refused-codes = Refused after three wrong codes
course-withdrawn-left = Withdrawn: the technician left
course-withdrawn-staff = Withdrawn by the hospital
course-withdrawn-restart = Withdrawn: Poterne was restarted
course-withdrawn-lapsed = Withdrawn: the approval was not used in time
course-withdrawn-disabled = Withdrawn: the technician's account was disabled
course-expired = Expired: nobody answered in time
course-expired-planned = Expired: nobody came in time
course-ended = Intervention over
# Replaying a recording.
replay-title = Recording of intervention { $number }
replay-why = Why open it?
replay-why-hint = A recording shows people at work, and sometimes patients' data. Who opens it and why is written to the journal before anything is shown.
replay-purpose = Purpose
replay-purpose-hint = For example: incident CH-1240. 200 characters at most.
replay-purpose-missing = Write why, in 200 characters at most. Nothing was opened.
replay-passphrase = Passphrase of your key
replay-passphrase-hint = It opens the key for this sign-in only, for an hour at most. If you suspect Poterne, do not type it.
replay-passphrase-missing = Type the passphrase of the key.
replay-tries-left = { $left ->
    [0] No try is left.
    [one] { $left } try is left.
   *[other] { $left } tries are left.
 }
replay-wrong-passphrase = { $left ->
    [one] This is not the passphrase of the key. { $left } try is left.
   *[other] This is not the passphrase of the key. { $left } tries are left.
 }
replay-too-many = Too many wrong tries in this sign-in. Sign out, find the passphrase, then sign in again.
replay-not-configured = At this site recordings are not opened in the browser. The security officer reads them on Poterne's machine, with their key:
replay-key-unusable = The security officer's key cannot be used. Show this to the IT department: { $why }
replay-not-opened = The recording does not open: { $why }
replay-open = Open the recording
replay-track = What was opened
replay-track-shell = screen and keyboard
replay-track-command = command: { $command }
replay-track-silent = without a screen
replay-play = Play
replay-pause = Pause
replay-position = { $time } of { $length }
replay-moment = Moment
replay-speed = Speed
replay-skip-idle = Skip idle time
replay-keys = Space: play or stop. Arrows: 5 seconds, with Shift a minute. Home and End.
replay-search = Search
replay-query = A word seen on the screen
replay-find = Find
replay-no-hits = Nothing found.
replay-hits = Found: { $found }.
replay-more-hits = There are more: search for a longer text.
replay-failed = This part could not be read. Load the page again; if the recording was closed meanwhile, it asks for the purpose anew.
replay-events = What happened
replay-no-script = To replay the recording this browser has to allow Poterne's scripts.
replay-no-screen = This had no screen: there is nothing to replay here. The security officer reads it on Poterne's machine:
replay-empty = Nothing was opened in this session: there is nothing to replay.
replay-no-track = There is no screen with this number in the recording.
replay-query-long = Write 1 to 500 characters.
replay-locked = The key is locked again: load the page again and type the passphrase once more.
replay-damaged = This part of the recording cannot be read: { $why }
moment-begin = Begin
moment-end = End
moment-secret = A password is typed, set apart
moment-dropped = Typed while frozen, not delivered
moment-late = Something came after the end, apart
moment-more = There are more
moment-signal = Signal { $text }
moment-notice = Poterne: { $text }
moment-frozen = Frozen: { $why }
moment-unwatched = Nobody watches, for { $length }
journal-word-journal-silent = the journal did not answer
journal-word-spoke-otherwise = its software did not speak as agreed
journal-word-replay-browser = replay in the browser
journal-word-never = is never possible
journal-word-too-many = too many things open at once
journal-word-dropped = left out
journal-word-not-granted = was not granted
journal-word-nul = the command contains a forbidden character
journal-word-ended-first = the session ended before
journal-word-recording-failed = the recording failed
journal-word-cut = cut by who watched
journal-word-direct-tcpip = tunnel
journal-word-jump-account = connection through the bastion under another account
journal-word-name-for-address = named a machine instead of writing its address
journal-word-another-target = leads to another piece of equipment
journal-word-too-many-tunnels = too many tunnels open at once
journal-word-tcpip-forward = way on to another machine
journal-word-streamlocal-forward = way on to another program
journal-word-agent = lending of their keys
journal-word-x11 = graphical windows
journal-word-env = setting sent to the equipment
journal-word-channel = opening
journal-word-shell = keyboard
journal-word-exec = command
journal-word-exec-malformed = unreadable command
journal-word-scp = files (SCP)
journal-word-rsync = files (rsync)
journal-word-forward = tunnel
moment-signal-dropped = Signal { $text }, not passed on
quote-open = “
quote-close = ”
register-file = File put, taken or changed
register-export-files = Export the files (CSV)
register-alarm-mark = alarm
csv-files = files
csv-rights = Rights
csv-alarms = Alarms
csv-channel = Channel
csv-file-started = Opened at
csv-file-ended = Ended at
csv-file-what = What
csv-file-path = File
csv-file-to = New name or detail
csv-file-bytes = Bytes
csv-file-digest = Digest (SHA-256)
csv-file-order = Passed from end to end
csv-file-result = Result
csv-file-why = More about it
csv-file-kept = Copy kept
dossier-at = When
dossier-alarms = Alarms
dossier-alarms-below = { $count ->
    [one] An alarm rang: see the session below.
   *[other] { $count } alarms rang: see the sessions below.
 }
dossier-files = Files
dossier-files-more = { $count ->
    [one] One more is not shown here; it is in the export.
   *[other] { $count } more are not shown here; they are in the export.
 }
dossier-files-unlisted = { $count ->
    [one] Besides, { $count } file is only in the list of the recording or the journal.
   *[other] Besides, { $count } files are only in the list of the recording or the journal.
 }
dossier-files-proofs = For IT: digests
dossier-files-proofs-hint = The digest (SHA-256) is that of the bytes that passed. If the file passed from end to end, it is the file's own.

# Sealed bundle of evidence
bundle-title = Bundle of evidence
bundle-what = A sealed file, to be checked elsewhere with the key in the contract's annex: the journal's entries with their proofs, and the recordings as they are stored. The export is written into the journal.
bundle-of = About
bundle-all-sessions = All sessions
bundle-purpose = Purpose, and for whom
bundle-download = Download the bundle
