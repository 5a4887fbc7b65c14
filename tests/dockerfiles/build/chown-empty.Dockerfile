FROM scratch
COPY --chown=: a.txt /
