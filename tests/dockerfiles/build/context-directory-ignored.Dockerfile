# build-context: more=other
# ignore: said.txt
FROM scratch
COPY --from=more . /more
