"""The exit statuses of the command line; `exit_code` of an error is its own."""

SAME = 0  # of diff
DIFFERENT = 1  # of diff, normalize --check and --in-place
TROUBLE = 2  # of diff, whose 1 means "different"
DAMAGED = 3  # done, but the input was damaged
INTERRUPTED = 130
