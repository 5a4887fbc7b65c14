FROM scratch
COPY run.sh private suid sgid /modes/
COPY sticky /sticky
COPY closed /closed
COPY closed /a/closed/
