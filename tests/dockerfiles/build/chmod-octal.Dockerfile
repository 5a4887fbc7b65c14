FROM scratch
COPY --chmod=755 a.txt /a
COPY --chmod=0600 dir /dir
COPY --chmod=4711 run.sh /run
COPY --chmod=1777 empty /empty
