FROM scratch AS broken
COPY no-such-file /
FROM scratch AS needed
COPY a.txt /
FROM scratch
COPY --from=needed /a.txt /
