# build-context: more=other
FROM scratch
COPY --from=more . /more
COPY --from=more --chmod=600 said.txt /said
COPY a.txt /
