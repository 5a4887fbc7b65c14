FROM scratch
COPY links/loop/file /
