# build-context: more=no-such-folder
FROM scratch
COPY --from=more . /
