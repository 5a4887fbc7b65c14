FROM alpine AS context
FROM alpine AS a
FROM alpine AS a
COPY x /x
FROM a
