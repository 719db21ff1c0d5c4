# Signing in and out.
sign-in-title = Sign in
sign-in-lead = For the staff of { $site }.
sign-in-login = Login
sign-in-password = Password
sign-in-button = Sign in
sign-in-refused = Login, password or code are not accepted. A code works once only: wait for the next one. After three tries the account is locked for a minute; the third time in a day, until the IT department unlocks it.
sign-in-too-many = Too many tries from this computer. Wait a few minutes.
sign-in-again = You were signed out. Sign in again; you come back to the same page.
sign-in-lost = Password or phone lost? Call the IT department.
signed-out = You are signed out.
error-title = This is not possible
error-not-found = This page does not exist, or you have no access to it.
error-forbidden = This page is not for your role.
error-form = This form is too old, or does not come from this page. Nothing was done: reload the page and try again.
error-input = A part of the form is missing or cannot be read. Nothing was done.
error-unavailable = Poterne cannot answer now. Tell the IT department if this lasts.
error-home = Back to the start
