ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1 AS one
ENV FROM_ONE=1
WORKDIR /srv/one
COPY a.txt .
FROM one AS two
COPY b.txt .
ENV FROM_TWO=$FROM_ONE
FROM two
COPY run.sh .
