# Technicians and staff.
people-title = People
people-technicians = Technicians
people-staff = Hospital staff
people-invite = Invite a technician
people-search = Name, login or company
people-search-button = Search
people-any-state = all
people-name = Name
people-full-name = First name and surname
people-company = Company
people-state = State
people-last-visit = Last visit
people-never = never came
people-none = No technician here.
people-none-hint = Invite the first: they get a code, and choose their password themselves.
people-pages = Pages of the list
people-previous = Previous page
people-next = Next page
people-page = Page { $page } of { $pages }
people-login = Login
people-login-hint = Lower case letters, digits and dashes, such as a-martin. It is never given to anybody else.
people-login-wrong = This login cannot be used: write lower case letters, digits and dashes, beginning with a letter.
people-phone = Telephone at work
people-email = E-mail address
people-reason = Reason
people-acts = Act on this account
people-nothing-to-do = This account is closed. Only the IT department can open it again.
people-unlock = Unlock
people-unlock-hint = Make sure first that it was this person, and not somebody who tried their password.
people-disable = Disable this account…
people-disable-now = Disable now
people-invited-until = Invitation good until
people-invitation-over = over since { $time }: make another one
lock-tries = { $count ->
    [one] Locked by { $count } wrong try
   *[other] Locked by { $count } wrong tries
 }
lock-from = from { $sources },
lock-from-here = from an unknown address,
lock-until = until { $time }.
lock-until-lifted = until a person lifts it.
technician-who = Who it is
technician-proofing = How the hospital made sure who this is
technician-since = Access made on
technician-live = Sessions now
technician-keys = Keys
technician-no-keys = No key.
technician-key = Public key
technician-key-hint = The line of an id_ed25519.pub file, which begins with ssh-ed25519. Never the private key.
technician-key-add = Add a key
technician-key-remove = Remove
technician-key-added = The key is added.
technician-key-removed = The key is removed.
technician-visits = Last visits
technician-visit-from = from { $source }
technician-factor-changed = Their password, app or a key changed less than seven days ago: their requests say so.
technician-vendor-frozen = Their company's access is suspended: { $reason }
technician-activated = The account is open.
technician-unlocked = The account is unlocked.
technician-disabled = { $count ->
    [0] The account is disabled. No session was going on.
    [one] The account is disabled. One session was cut.
   *[other] The account is disabled. { $count } sessions were cut.
 }
technician-disable-hint = { $count ->
    [0] They get in no more, and their requests are withdrawn. No session is going on.
    [one] They get in no more, their requests are withdrawn, and the session that is going on is cut at once.
   *[other] They get in no more, their requests are withdrawn, and { $count } sessions that are going on are cut at once.
 }
technician-reset = Replace their password and app…
technician-reset-hint = What they have is worth nothing from now on: their sessions are cut, their requests withdrawn. A new invitation is made. For seven days their requests carry a mark.
technician-renew = Make the invitation anew…
technician-renew-hint = The old invitation is worth nothing any more; the new one is good for 24 hours.
technician-enable = Open this account again…
technician-enable-hint = A new invitation is made; the old password does not come back. Whoever left, or whose account was misused, gets a new account instead.
technician-invitation-make = Make the invitation
activate-title = Confirm by telephone
activate-call = Call this number yourself, it is the contract's
activate-ask = Ask for { $name }, and have them read out the word that was shown at the end of their enrolment.
activate-word = The word that is read to you
activate-left = { $left ->
    [one] { $left } try is left.
   *[other] { $left } tries are left.
 }
activate-button = Open the account
activate-none-left = Three wrong words were typed. Replace their password and app to begin again.
invite-lead = They get a code that is good for 24 hours, and choose their password themselves. Nobody else will know it.
invite-choose = Choose
invite-with-key = key asked for
invite-vendor-missing = Choose the company.
invite-proofing-hint = For instance: identity card seen by video on 3 March, announced by the contract's contact.
invite-keys = Public keys, one a line (if the company asks for them)
invitation-title = Invitation
invitation-for = Invitation of { $name }
invitation-once = This page is shown once only. Hand the invitation over now, or make another one later.
invitation-no-name = The bastion's name is not written in the configuration (ssh.name): put its name instead of BASTION.
invitation-hand-over = To be handed to this person, and to nobody else
invitation-until = It is good once, until { $time }.
invitation-then = Then
invitation-call = Once the person has enrolled, call this number yourself, it is the contract's, and ask them for their word:
invitation-to-page = Go to their page to type the word
invitation-sessions-ended = { $count ->
    [0] The old access is worth nothing any more. No session was going on.
    [one] The old access is worth nothing any more. One session was cut.
   *[other] The old access is worth nothing any more. { $count } sessions were cut.
 }
staff-invite = Invite somebody of the hospital
staff-invite-lead = The person gets a code that is good for 24 hours and chooses their password themselves. One person, one account.
staff-roles = Roles
staff-groups = Groups
staff-groups-hint = For an approver: the equipment of these groups.
staff-change = Roles and groups
staff-change-button = Save
staff-changed = Roles and groups are changed. They hold from now on.
staff-unlocked = The account is unlocked.
staff-disabled = The account is disabled, and the person is signed out everywhere.
staff-own = This is your own account. Nobody changes their own rights: ask somebody else of the IT department.
staff-over = This account is closed for good. The person gets a new account, under another login.
staff-reset = Replace their password and app…
staff-reset-hint = What the person has is worth nothing from now on, and they are signed out everywhere. A new invitation is made.
staff-disable-hint = The person is signed out everywhere, and for good: a disabled account is not opened again. What rested on them stops.
staff-invitation-hand-over = To be said face to face, or by telephone to a number that you know
staff-invitation-address = Page to open
staff-invitation-code = Code
staff-invitation-until = Good once, until
staff-invitation-link = Or, on a computer of the hospital, this link that holds the code:
staff-invitation-how = Not by e-mail: whoever reads the e-mail would have the access.
role-hint-approver = grants requests for the equipment of their groups, watches and cuts
role-hint-operator = invites people and runs the machine
role-hint-security = looks at recordings and gets the alerts
role-hint-auditor = pulls the register and the evidence
