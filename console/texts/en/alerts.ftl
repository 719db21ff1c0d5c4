# Alerts.
nav-alerts = Alerts
alerts-title = Alerts
alerts-lead = Taking an alert says by your name that you look into it. Otherwise it goes on to others, at night too.
alerts-waiting = Waiting
alerts-none = No alert waits.
alerts-taken = Taken
alerts-raised = Since
alerts-people = Accounts
alerts-about = About
alerts-vendor = Company
alerts-source = From the address
alerts-by = Taken by
alerts-note = What you find or do
alerts-take = I take it
alerts-freeze = Suspend this company now
alerts-freeze-reason = Leak suspected, alert { $number }
alerts-step = { $count ->
    [one] Nobody took it: it went on to others.
   *[other] Nobody took it: it went on to others { $count } times.
 }
alert-account-alert = Tries on an account that is closed or locked
alert-leak-suspected = Passwords of a company may have leaked
alert-staff-refused = A try with a closed account of the hospital
alert-staff-locked = An account of the hospital is locked
alert-intervention-refused = Three wrong codes: a request was refused
alert-intervention-planned = An emergency was opened
alert-session-alarm = Alarm in a session
alert-recording-sealed = A recording is damaged
alert-rollback-found = Entries of the journal are missing
alert-anchor-overdue = No proof leaves the machine any more
alert-forward-stalled = The journal does not reach the SIEM any more
alert-recipients-changed = Other keys open recordings
alert-lockdown-began = All access was cut
alert-break-glass-used = A code of the sealed envelope was used
alert-break-glass-refused = A try with a code of a sealed envelope
alert-change-waits = A change of the configuration waits for a second person
alert-staff-added = A person of security was added
alert-staff-invited = A person of security was invited
alert-staff-reset = The account of a person of security was reset
alert-staff-changed = The role security was given, or such an account changed
alert-other = Something to look at
lockdown-stage = Open again in stages
lockdown-stage-hint = One group of equipment at a time. Equipment of several groups stays cut until the last of them.
lockdown-stage-group = Group
lockdown-stage-button = Open this group again
lockdown-stage-open = Open again:
lockdown-stage-done = This group is open again; the rest stays cut.
