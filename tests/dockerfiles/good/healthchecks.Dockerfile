FROM alpine AS a
HEALTHCHECK NONE
FROM alpine AS b
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=1.5h --start-interval=2s --retries=5 CMD curl -f http://localhost/
FROM alpine AS c
HEALTHCHECK --interval=0 CMD ["curl", "-f", "x"]
FROM alpine
healthcheck cmd   exit 0
