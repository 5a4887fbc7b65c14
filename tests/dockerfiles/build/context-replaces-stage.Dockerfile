# build-context: first=other
FROM scratch AS first
COPY a.txt /
FROM scratch
COPY --from=first . /out/
