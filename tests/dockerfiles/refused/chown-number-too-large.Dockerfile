FROM scratch
COPY --chown=99999999999 a.txt /
