# The requests.
requests-title = Requests
requests-none = Nobody is waiting.
requests-none-hint = When a technician asks for access, it appears here with a sound. Keep this page open.
requests-waiting = { $count ->
    [one] { $count } request is waiting
   *[other] { $count } requests are waiting
 }
requests-planned = Planned
requests-review = Emergencies to look back at
requests-open = See the request
requests-since = asked
request-title = Request { $number }
request-asks = { $name }, of { $vendor }, asks to enter:
request-reason = Reason
request-ticket = Ticket
request-who = Who asks
request-name = Name
request-company = Company
request-phone = Telephone
request-email = E-mail
request-login = Login
request-visits = Last visits
request-no-visits = This is the first time.
request-visit-here = { $when }, here
request-visit = { $when }, { $target }
request-from = From the address
request-from-usual = as usual
request-from-new = A new address for this person.
request-from-planned = shown once they arrive
request-factor-changed = Their means of signing in were replaced within the last 7 days: call the number in the contract.
request-call-back = Call this number yourself before you approve.
request-call = Number in the contract
request-rights = To
request-account = Account on the equipment
request-longest = For { $length } at most
request-hours-end = At the end of the opening hours, at { $time }, the session is cut; the technician is warned 15, 5 and 1 minutes before.
request-time-end = At the end of the approved time the session is cut; the technician is warned 15, 5 and 1 minutes before.
request-watched = Somebody must watch: without eyes on it nothing moves.
request-watch-offered = You can watch and cut at any moment.
request-emergency = EMERGENCY out of hours
request-closes = without an answer, cancelled in
request-approvals = Approvals
request-approved-by = { $staff }, at { $time }: { $how }
request-missing = { $missing ->
    [one] { $missing } approval is missing.
   *[other] { $missing } approvals are missing.
 }
request-missing-who = Can still approve: { $who }
approve-title = Approve
approve-step-who = 1. How do you know who is calling?
approve-called = I called the number in the contract
approve-called-hint = the safest
approve-caller = I recognise the person who calls me
approve-present = The person stands before me
approve-step-code = 2. The technician's code
approve-code-hint = The 4 characters that the technician reads to you: ask for them, they are written nowhere here.
approve-step-otp = 3. Your own code
approve-narrow = Approve less
approve-minutes = For
approve-minutes-full = all the time allowed
approve-rights = Only to
approve-button = Give access
approve-not-here = Approving is possible on Poterne's own machine only, as long as no certificate is installed. Tell the IT department.
approve-not-yours = The people of { $groups } decide for this equipment.
approve-done-missing = Your approval is journalled. One more is needed.
approve-done = Access given. The session is opening…
approve-watch = Watch the session
refuse-title = Refuse
refuse-reason = Why? The technician will read it.
refuse-button = Refuse the request
request-handled = This request is { $state }. There is nothing left to decide.
request-refused-because = Refused by { $staff }: { $reason }
request-refused-codes = Refused after three wrong codes.
error-verified = First say how you know who is calling.
error-code-missing = Type the 4 characters that the technician reads to you.
error-minutes = This length of time cannot be read: choose one of the list.
approve-otp-hint = Your code: the 6 digits from the app on your phone, at this moment.
