FROM scratch AS files
COPY dir /dir
COPY --chown=9:9 --chmod=600 a.txt /owned
COPY links /links
COPY hard /hard
FROM scratch
COPY --from=files /dir/sub /sub
COPY --from=files /owned /kept
COPY --from=files --chown=5 /owned /changed
COPY --from=files /links/dir /through
COPY --from=files /hard /hard
COPY --from=0 dir/one.txt relative
COPY --from=files / /everything
