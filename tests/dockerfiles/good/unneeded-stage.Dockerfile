FROM alpine AS broken
ENV a=${unset:?needed}
FROM alpine AS fine
ENV b=1
