# ignore: [a
FROM scratch
COPY dir /
