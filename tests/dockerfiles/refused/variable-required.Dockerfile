FROM scratch
ARG VERSION
COPY a.txt /${VERSION:?is the version of the shop}/
