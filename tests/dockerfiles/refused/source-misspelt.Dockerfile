FROM scratch
COPY a.tx /
