"""The first page: it finds out what comes next, enrolment, sign-in, shift or selling."""
