FROM scratch
COPY passwd /real/passwd
COPY linked /etc
COPY --chown=fresh a.txt /
