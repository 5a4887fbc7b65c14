FROM scratch
COPY links/dangling /
