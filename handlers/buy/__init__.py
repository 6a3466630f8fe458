"""The four pages of ``/twilio buy-number``: find, choose, end user, review. Each knows only the next one."""
