# build-context: last=docker-image://@REGISTRY@/settings:1
FROM scratch AS last
COPY a.txt /
ENV A=b
